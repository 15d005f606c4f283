#include "fovea/formats/pickle.h"

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "tests/support/expect.h"

namespace fovea::formats {
namespace {

using Kind = Pickle::Kind;
using namespace std::string_literals;

constexpr std::string_view known[] = {"numpy dtype", "collections OrderedDict"};

// The text must outlive the result.
Pickle parse(const std::string& body) {
  return Pickle::parse(std::as_bytes(std::span(body)), "x.pkl", {.globals = known});
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

TEST(Pickle, ReadsTheOpcodesOfPython3) {
  // Protocol 4: [-1, 2**64, 0.5, b"xy", "abc", OrderedDict({"k": None}), persistent 7].
  std::string text =
      "\x80\4\x95\0\0\0\0\0\0\0\0]\x94(\x8a\1\xff\x8a\x9\0\0\0\0\0\0\0\0\1"
      "G\x3f\xe0\0\0\0\0\0\0"
      "C\2xy\x8c\3"
      "abc\x94\x8c\xb"
      "collections\x8c\xb"
      "OrderedDict\x93)R\x8c\1kNs"
      "}\x8c\1_Nsb"
      "K\7Qh\1e."s;
  Pickle p = parse(text);
  ASSERT_EQ(p.root().kind, Kind::list);
  ASSERT_EQ(p.root().items.size(), 8u);
  auto item = [&](size_t i) { return p[p.root().items[i]]; };
  EXPECT_EQ(item(0).integer, -1);
  EXPECT_EQ(item(1).kind, Kind::big);
  EXPECT_EQ(item(1).text, "\0\0\0\0\0\0\0\0\1"s);
  EXPECT_EQ(item(2).real, 0.5);
  EXPECT_EQ(item(3).text, "xy");
  EXPECT_EQ(item(4).text, "abc");
  EXPECT_EQ(item(5).kind, Kind::dict);
  ASSERT_TRUE(p.find(item(5), "k"));
  EXPECT_EQ(p.find(item(5), "k")->kind, Kind::none);
  EXPECT_EQ(p.find(item(5), "_"), nullptr);
  EXPECT_EQ(item(6).kind, Kind::persistent);
  EXPECT_EQ(p[item(6).items[0]].integer, 7);
  EXPECT_EQ(item(7).text, "abc");
}

TEST(Pickle, OneOfSeveralInAFile) {
  std::string text = head + "K\1." + head + "K\2.";
  auto at = [&](size_t start) {
    return Pickle::parse(
        std::as_bytes(std::span(text)), "x.pkl", {.start = start, .more_follows = true});
  };
  EXPECT_EQ(at(0).root().integer, 1);
  EXPECT_EQ(at(0).end(), 5u);
  EXPECT_EQ(at(5).root().integer, 2);
  EXPECT_THROW(at(10), IoError);
  EXPECT_THROW(at(11), IoError);
}

TEST(Pickle, NothingThatItNamesIsRun) {
  const std::string hidden = "\x8c\5posix\x8c\6system\x93\x8c\5ls -l\x85R.";
  EXPECT_HAS(error("\x80\4" + hidden), "refers to posix.system, which this reader does not know");
  EXPECT_HAS(
      error(
          head + "cbuiltins\neval\nU\3"
                 "1+1\x85R."),
      "refers to builtins.eval");
  EXPECT_HAS(error(head + "csubprocess\nPopen\n)\x81."), "refers to subprocess.Popen");
  EXPECT_HAS(error(head + "cos\x1b[2J\nsystem\n."), "refers to os?[2J.system");
  EXPECT_HAS(error("\x80\4K\1K\2\x93."), "expected the names of a module");
}

TEST(Pickle, RefusesOtherNamesAndOpcodesByName) {
  EXPECT_HAS(
      error(head + "cos\nsystem\nU\2ls\x85R."),
      "refers to os.system, which this reader does not know and will not run (at byte 2)");
  const std::pair<const char*, const char*> opcodes[] = {
      {"V", "UNICODE"},
      {"i", "INST"},
      {"o", "OBJ"},
      {"\x92", "NEWOBJ_EX"},
      {"P", "PERSID"},
      {"\x82", "EXT1"},
      {"~", "0x7e"},
  };
  for (auto [code, name] : opcodes)
    EXPECT_HAS(error(head + "K\1" + code), "has the opcode "s + name + ", which this reader");
  EXPECT_HAS(error("\x80\x06K\1."), "expected a pickle of protocol 2");
  EXPECT_HAS(error("(dp0\n."), "expected a pickle of protocol 2");
  EXPECT_HAS(error(""), "x.pkl");
}

// Old pickles are not read, but what they would run is named.
TEST(Pickle, NamesWhatOldPicklesWouldRun) {
  EXPECT_HAS(error("cos\nsystem\n(S'ls'\ntR."), "refers to os.system, which this reader");
  EXPECT_HAS(error("(S'ls'\np0\nios\nsystem\n."), "refers to os.system, which this reader");
  EXPECT_HAS(error("(Vls\nicnumpy\ndtype\n."), "refers to cnumpy.dtype");
  EXPECT_HAS(error("(S'ls'\n."), "expected a pickle of protocol 2");
  EXPECT_HAS(error("cnumpy\ndtype\n."), "expected a pickle of protocol 2");
}

TEST(Pickle, SetsAndDequesAreLists) {
  auto parsed = [](const std::string& text) {
    static std::string kept;
    kept = text;
    static constexpr std::string_view globals[] = {"collections deque"};
    return Pickle::parse(std::as_bytes(std::span(kept)), "x.pkl", {.globals = globals});
  };
  for (const std::string& text :
       {"\x80\4\x8f(K\1K\2\x90."s,
        "\x80\4(K\1K\2\x91."s,
        head + "ccollections\ndeque\n)R(K\1K\2e."}) {
    const Pickle p = parsed(text);
    EXPECT_EQ(p.root().kind, Pickle::Kind::list);
    EXPECT_EQ(p.root().items.size(), 2u);
  }
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
