#include "fovea/formats/pickle.h"

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "tests/support/expect.h"

namespace fovea::formats {
namespace {

using Kind = Pickle::Kind;
using namespace std::string_literals;

constexpr std::string_view known[] = {"numpy dtype"};

// The text must outlive the result.
Pickle parse(const std::string& body) {
  return Pickle::parse(std::as_bytes(std::span(body)), "x.pkl", known);
}

std::string error(const std::string& text) {
  try {
    parse(text);
  } catch (const IoError& e) {
    return e.what();
  }
  return "";
}

const std::string head = "\x80\x02";

TEST(Pickle, ReadsValuesOfEveryKind) {
  // {"a": [1, 300, -2, None, True], "b": ("t", ())}, with the list kept and recalled.
  std::string text = head +
                     "}(U\1a](K\1M\x2c\1J\xfe\xff\xff\xffN\x88"
                     "eq\7U\1bT\1\0\0\0t)\x86U\1ch\7u."s;
  Pickle p = parse(text);
  ASSERT_EQ(p.root().kind, Kind::dict);
  const Pickle::Value* list = p.find(p.root(), "a");
  ASSERT_TRUE(list && list->kind == Kind::list);
  ASSERT_EQ(list->items.size(), 5u);
  EXPECT_EQ(p[list->items[0]].integer, 1);
  EXPECT_EQ(p[list->items[1]].integer, 300);
  EXPECT_EQ(p[list->items[2]].integer, -2);
  EXPECT_EQ(p[list->items[3]].kind, Kind::none);
  EXPECT_EQ(p[list->items[4]].kind, Kind::boolean);
  EXPECT_EQ(p[list->items[4]].integer, 1);
  const Pickle::Value* pair = p.find(p.root(), "b");
  ASSERT_TRUE(pair && pair->kind == Kind::tuple);
  EXPECT_EQ(p[pair->items[0]].text, "t");
  EXPECT_EQ(p[pair->items[1]].kind, Kind::tuple);
  EXPECT_EQ(p.find(p.root(), "c"), list);  // one and the same
  EXPECT_EQ(p.find(p.root(), "d"), nullptr);
  EXPECT_EQ(p.find(*list, "a"), nullptr);
}

TEST(Pickle, CallsAreWrittenDownAndNotRun) {
  std::string text = head + "cnumpy\ndtype\nU\2u1\x85RK\5b.";
  Pickle p = parse(text);
  ASSERT_EQ(p.root().kind, Kind::call);
  ASSERT_EQ(p.root().items.size(), 3u);
  EXPECT_EQ(p[p.root().items[0]].text, "numpy dtype");
  EXPECT_EQ(p[p[p.root().items[1]].items[0]].text, "u1");
  EXPECT_EQ(p[p.root().items[2]].integer, 5);
}

TEST(Pickle, RefusesOtherNamesAndOpcodesByName) {
  EXPECT_HAS(
      error(head + "cos\nsystem\nU\2ls\x85R."),
      "refers to os.system, which this reader does not know and will not run (at byte 2)");
  const std::pair<const char*, const char*> opcodes[] = {
      {"V", "UNICODE"},
      {"G", "BINFLOAT"},
      {"i", "INST"},
      {"o", "OBJ"},
      {"\x81", "NEWOBJ"},
      {"\x8c", "SHORT_BINUNICODE"},
      {"\x93", "STACK_GLOBAL"},
      {"P", "PERSID"},
      {"\x82", "EXT1"},
      {"~", "0x7e"},
  };
  for (auto [code, name] : opcodes)
    EXPECT_HAS(error(head + "K\1" + code), "has the opcode "s + name + ", which this reader");
  EXPECT_HAS(error("\x80\x04K\1."), "expected a pickle of protocol 2");
  EXPECT_HAS(error("(dp0\n."), "expected a pickle of protocol 2");
  EXPECT_HAS(error(""), "x.pkl");
}

TEST(Pickle, RefusesWhatDoesNotHangTogether) {
  EXPECT_HAS(error(head + "."), "expected one value at the end");
  EXPECT_HAS(error(head + "K\1K\1."), "expected one value at the end");
  EXPECT_HAS(error(head + "(K\1."), "expected one value at the end");
  EXPECT_HAS(error(head + "K\1.K"), "expected nothing after the end");
  EXPECT_HAS(error(head + "K\1e"), "expected a mark");
  EXPECT_HAS(error(head + "a"), "expected a value");
  EXPECT_HAS(error(head + "]((e"), "expected a value");  // the inner mark hides the list
  EXPECT_HAS(error(head + "K\1K\1a"), "expected a list");
  EXPECT_HAS(error(head + "](K\1K\1u"), "expected a dict and its pairs");
  EXPECT_HAS(error(head + "}(K\1u"), "expected a dict and its pairs");
  EXPECT_HAS(error(head + "K\1)R"), "expected a name and its arguments");
  EXPECT_HAS(error(head + "cnumpy\ndtype\nK\1R"), "expected a name and its arguments");
  EXPECT_HAS(error(head + "K\1K\1b"), "expected a state for what was made by a call");
  EXPECT_HAS(error(head + "cnumpy\ndtype\n)RNbNb"), "expected a state");
  EXPECT_HAS(error(head + "h\3"), "expected a value kept as number 3");
  EXPECT_HAS(error(head + "\x87"), "expected a value");
}

TEST(Pickle, LengthsThatLieAreTruncation) {
  EXPECT_HAS(
      error(head + "T\xff\xff\xff\xff" + "abc"),
      "truncated: expected 4294967295 more bytes, got 3");
  EXPECT_HAS(error(head + "U\5ab"), "truncated: expected 5 more bytes, got 2");
  EXPECT_HAS(error(head + "cnumpy"), "truncated: expected the end of a name");
  std::string text = head + "cnumpy\ndtype\nU\2u1\x85RK\5b.";
  for (size_t size = 0; size < text.size(); ++size) EXPECT_NE(error(text.substr(0, size)), "");
}

TEST(Pickle, ManyValuesAreRefusedBeforeTheyFillTheMemory) {
  EXPECT_HAS(error(head + std::string(1'000'001, 'N')), "expected at most 1000000 values");
}

}  // namespace
}  // namespace fovea::formats
