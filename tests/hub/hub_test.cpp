#include <atomic>
#include <thread>

#include "fovea/core/errors.h"
#include "fovea/hub/pull.h"
#include "fovea/hub/torchvision.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/fake_hub.h"
#include "tests/support/folder.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

class Hub : public FolderTest, protected FakeHub {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    root = path();
    content["config.json"] = "{}\n";
    content["model.safetensors"] = weights;
    large = {"model.safetensors"};
  }

  // The files of the repository, as `fovea pull hf://org/tiny` gets them.
  hub::Pulled pull(const hub::HubOptions& o) const {
    return hub::pull(hub::parse_source("hf://org/tiny"), o);
  }
  hub::Pulled pull() const { return pull(options()); }

  std::string failure() const {
    return message_of([&] { pull(); });
  }

  std::string blob_of(const std::string& name) const {
    return "cache/models--org--tiny/blobs/" +
           hash_of(content.at(name), large.contains(name) ? hub::Hash::sha256 : hub::Hash::git);
  }

  const std::string weights = [] {
    std::string bytes;
    for (int i = 0; i < 30000; ++i) bytes += char(i * i / 7);
    return bytes;
  }();
};

TEST_F(Hub, FillsTheCacheAsHuggingFaceDoes) {
  const hub::Pulled first = pull();
  EXPECT_EQ(first.commit, commit);
  ASSERT_EQ(first.files.size(), 2u);
  EXPECT_EQ(first.files[0].name, "config.json");
  EXPECT_EQ(first.files[0].checked, hub::Hash::git);
  EXPECT_EQ(first.files[1].checked, hub::Hash::sha256);
  EXPECT_EQ(first.files[1].bytes, weights.size());
  const std::string top = "cache/models--org--tiny/";
  EXPECT_EQ(read(top + "refs/main"), commit);
  const std::string link = top + "snapshots/" + commit + "/model.safetensors";
  EXPECT_EQ(first.files[1].path, path(link));
  EXPECT_EQ(read(link), weights);
  EXPECT_EQ(fs::read_symlink(path(link)), "../../blobs/" + hash_of(weights, hub::Hash::sha256));
  EXPECT_EQ(read(blob_of("config.json")), "{}\n");
  EXPECT_EQ(hash_of("hello\n", hub::Hash::git), "ce013625030ba8dba906f756967f9e9ca394464a");
  EXPECT_TRUE(fs::exists(
      path("cache/.locks/models--org--tiny/" + hash_of(weights, hub::Hash::sha256) + ".lock")));

  const hub::Pulled second = pull();
  EXPECT_FALSE(second.files[0].downloaded || second.files[1].downloaded);
  EXPECT_EQ(file_server().seen().size(), 1u);
}

TEST_F(Hub, GoesOnWhereTheConnectionWasCut) {
  int cuts = 2;
  on_files = [&](const ServerRequest& r) -> std::optional<ServerReply> {
    if (cuts-- <= 0) return {};
    const std::string range = r.header("range");
    const size_t from = range.empty() ? 0 : std::stoul(range.substr(6));
    return ServerReply{
        .status = from ? 206 : 200,
        .headers = {{"Content-Range", fmt::format("bytes {}-", from)}},
        .body = weights.substr(from),
        .cut = 10000};
  };
  const hub::Pulled got = pull();
  EXPECT_EQ(read("cache/models--org--tiny/snapshots/" + commit + "/model.safetensors"), weights);
  const auto seen = file_server().seen();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].header("range"), "");
  EXPECT_EQ(seen[1].header("range"), "bytes=10000-");
  EXPECT_EQ(seen[2].header("range"), "bytes=20000-");
  EXPECT_FALSE(fs::exists(path(blob_of("model.safetensors") + ".incomplete")));
}

TEST_F(Hub, ALaterPullGoesOnWithWhatCame) {
  on_files = [&](const ServerRequest&) { return ServerReply{.body = weights, .cut = 12345}; };
  hub::HubOptions once = options();
  once.network.tries = 1;
  EXPECT_HAS(message_of([&] { pull(once); }), "HF_HUB_OFFLINE=1");
  EXPECT_EQ(read(blob_of("model.safetensors") + ".incomplete"), weights.substr(0, 12345));
  EXPECT_FALSE(fs::exists(path("cache/models--org--tiny/refs/main")));
  on_files = [](const ServerRequest&) { return std::nullopt; };
  pull();
  EXPECT_EQ(file_server().seen().back().header("range"), "bytes=12345-");
  EXPECT_EQ(read(blob_of("model.safetensors")), weights);
}

TEST_F(Hub, BeginsAnewWhereTheServerKnowsNoRanges) {
  write(blob_of("model.safetensors") + ".incomplete", "rubbish");
  on_files = [&](const ServerRequest&) { return ServerReply{.body = weights}; };
  pull();
  EXPECT_EQ(read(blob_of("model.safetensors")), weights);

  content["config.json"] = "{\"a\": 1}";
  commit = std::string(40, 'b');
  write(blob_of("config.json") + ".incomplete", std::string(100, 'x'));  // longer than the file
  pull();
  EXPECT_EQ(read(blob_of("config.json")), "{\"a\": 1}");
}

TEST_F(Hub, DeletesWhatHasTheWrongHash) {
  std::string other = weights;
  other[100] ^= 1;
  on_files = [&](const ServerRequest&) { return ServerReply{.body = other}; };
  const std::string why = failure();
  EXPECT_HAS(why, "expected the SHA-256 " + hash_of(weights, hub::Hash::sha256));
  EXPECT_HAS(why, hash_of(other, hub::Hash::sha256));
  EXPECT_FALSE(fs::exists(path(blob_of("model.safetensors"))));
  EXPECT_FALSE(fs::exists(path(blob_of("model.safetensors") + ".incomplete")));
  on_files = [](const ServerRequest&) { return std::nullopt; };
  pull();

  commit = std::string(40, 'c');
  content["config.json"] = "{\"b\": 1}";
  on_hub = [&](const ServerRequest& r) -> std::optional<ServerReply> {
    if (!r.path.ends_with("config.json")) return {};
    return ServerReply{.headers = {{"ETag", std::string(40, '1')}}, .body = "{\"b\": 2}"};
  };
  EXPECT_HAS(failure(), "expected the git hash 1111");
}

TEST_F(Hub, TellsTheTokenToTheHubAlone) {
  wanted_token = "hf_secret";
  EXPECT_HAS(failure(), "401: Invalid username or password.");
  EXPECT_HAS(failure(), "set HF_TOKEN");
  hub::HubOptions o = options();
  o.network.token = "hf_wrong";
  const std::string why = message_of([&] { pull(o); });
  EXPECT_HAS(why, "the token was not accepted");
  EXPECT_EQ(why.find("hf_wrong"), why.npos);
  o.network.token = "hf_secret";
  pull(o);
  ASSERT_EQ(file_server().seen().size(), 1u);
  EXPECT_EQ(file_server().seen()[0].header("authorization"), "");
  EXPECT_EQ(hub_server().seen().back().header("authorization"), "Bearer hf_secret");
}

TEST_F(Hub, TriesAgainWhenTheServerIsBusy) {
  int busy = 2;
  auto stumble = [&](const ServerRequest&) -> std::optional<ServerReply> {
    if (busy-- > 0) return ServerReply{.status = 500};
    return {};
  };
  on_hub = stumble;
  std::vector<std::string> notes;
  hub::HubOptions o = options();
  o.network.note = [&](const std::string& text) { notes.push_back(text); };
  hub::pull(hub::parse_source("hf://org/tiny/config.json"), o);
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_HAS(notes[0], "the server answered 500; next try in 0.0 s");
  busy = 2;
  on_hub = [](const ServerRequest&) { return std::nullopt; };
  on_files = stumble;
  pull(o);
  EXPECT_EQ(notes.size(), 4u);
  commit = std::string(40, 'd');
  busy = 1000;
  on_hub = stumble;
  EXPECT_HAS(failure(), "the server answered 500, 5 times");
}

TEST_F(Hub, SaysWhatIsMissing) {
  EXPECT_HAS(
      message_of([&] { hub::pull(hub::parse_source("hf://org/other"), options()); }),
      "404: Entry not found; check the names of repository, revision and file");
  content.erase("model.safetensors");
  EXPECT_HAS(failure(), "found config.json; name another file as hf://org/tiny/FILE");
  on_hub = [](const ServerRequest&) { return ServerReply{.status = 403}; };
  EXPECT_HAS(failure(), "gated");
  on_hub = [](const ServerRequest&) { return ServerReply{.body = "<html>"}; };
  EXPECT_HAS(failure(), "expected the hub's description of a repository");
  hub::HubOptions nowhere = options();
  nowhere.network.endpoint = "http://127.0.0.1:1";
  EXPECT_HAS(message_of([&] { pull(nowhere); }), "HF_HUB_OFFLINE=1");
}

TEST_F(Hub, OfflineTakesTheCacheAlone) {
  hub::HubOptions offline = options();
  offline.offline = true;
  EXPECT_HAS(message_of([&] { pull(offline); }), "the cache does not hold org/tiny at \"main\"");
  pull();
  const size_t asked = hub_server().seen().size();
  const hub::Pulled got = pull(offline);
  EXPECT_EQ(got.commit, commit);
  ASSERT_EQ(got.files.size(), 2u);
  EXPECT_EQ(
      got.files[1].path,
      path("cache/models--org--tiny/snapshots/" + commit + "/model.safetensors"));
  EXPECT_EQ(hub::pull(hub::parse_source("hf://org/tiny@" + commit), offline).files.size(), 2u);
  EXPECT_HAS(
      message_of([&] { hub::pull(hub::parse_source("hf://org/tiny/other.bin"), offline); }),
      "not in the cache");
  EXPECT_EQ(hub_server().seen().size(), asked);
}

TEST_F(Hub, TwoAtOnceFetchAFileOnce) {
  std::atomic<bool> waits = false;
  hub::HubOptions o = options();
  o.network.note = [&](const std::string& text) {
    if (text.find("waiting for another process") != text.npos) waits = true;
  };
  // The answer comes only when the other one waits for the lock.
  on_files = [&](const ServerRequest&) -> std::optional<ServerReply> {
    for (int i = 0; i < 1000 && !waits; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return {};
  };
  hub::Pulled first, second;
  std::thread other([&] { first = pull(o); });
  second = pull(o);
  other.join();
  EXPECT_TRUE(waits);
  EXPECT_EQ(file_server().seen().size(), 1u);
  EXPECT_NE(first.files[1].downloaded, second.files[1].downloaded);
  EXPECT_EQ(read(blob_of("model.safetensors")), weights);
}

TEST_F(Hub, FollowsARevisionThatMoves) {
  pull();
  const std::string before = commit;
  commit = std::string(40, 'e');
  content["config.json"] = "{\"new\": true}";
  const hub::Pulled got = pull();
  EXPECT_TRUE(got.files[0].downloaded);
  EXPECT_FALSE(got.files[1].downloaded);  // the same bytes
  EXPECT_EQ(file_server().seen().size(), 1u);
  const std::string top = "cache/models--org--tiny/";
  EXPECT_EQ(read(top + "refs/main"), commit);
  EXPECT_EQ(read(top + "snapshots/" + before + "/config.json"), "{}\n");
  EXPECT_EQ(read(top + "snapshots/" + commit + "/config.json"), "{\"new\": true}");
}

TEST_F(Hub, RefusesWhatLeadsOutOfItsFolder) {
  for (const char* name : {"../evil", "/etc/passwd", "a/../../b", "a\\b", "line\nbreak", ""}) {
    content = {{name, "x"}};
    EXPECT_HAS(failure(), "expected the name of a file inside the repository") << name;
  }
  content = {{"model.safetensors", weights}};
  on_hub = [&](const ServerRequest& r) -> std::optional<ServerReply> {
    if (r.method != "HEAD") return {};
    return ServerReply{.headers = {{"ETag", "../../evil"}}};
  };
  EXPECT_HAS(failure(), "expected an ETag of letters");
  on_hub = [](const ServerRequest&) {
    return ServerReply{.body = R"({"sha": "../../evil", "siblings": []})"};
  };
  EXPECT_HAS(failure(), "expected a commit, got \"../../evil\"");
  for (const char* where : {"file:///etc/passwd", "ftp://127.0.0.1/x", "http://a@127.0.0.1/"}) {
    on_hub = [&](const ServerRequest&) {
      return ServerReply{.status = 302, .headers = {{"Location", where}}};
    };
    EXPECT_HAS(failure(), "refused a redirect") << where;
  }
  on_hub = [](const ServerRequest&) {
    return ServerReply{.status = 302, .headers = {{"Location", "/round"}}};
  };
  EXPECT_HAS(failure(), "more than 5 redirects");
}

TEST_F(Hub, RefusesMoreBytesThanWereAnnounced) {
  on_files = [&](const ServerRequest&) { return ServerReply{.body = weights + "more"}; };
  EXPECT_HAS(failure(), "more than the 30000 bytes of model.safetensors");
  on_files = [&](const ServerRequest&) {
    return ServerReply{
        .status = 206, .headers = {{"Content-Range", "bytes 5-9/10"}}, .body = weights};
  };
  EXPECT_HAS(failure(), "the server sent \"bytes 5-9/10\"");
  const hub::Network network(options().network);
  EXPECT_HAS(
      message_of([&] {
        network.text(hub_server().url() + "/org/tiny/resolve/" + commit + "/config.json", 2);
      }),
      "longer than 2 bytes");
}

TEST_F(Hub, GetsEachShardOfASet) {
  content = {
      {"model.safetensors.index.json",
       R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors", "c": "one.safetensors"}})"},
      {"one.safetensors", "1"},
      {"two.safetensors", "2"}};
  large.clear();
  const hub::Pulled got = pull();
  ASSERT_EQ(got.files.size(), 3u);
  EXPECT_EQ(got.files[0].name, "one.safetensors");
  EXPECT_EQ(got.files[2].name, "model.safetensors.index.json");
  commit = std::string(40, 'f');
  content["model.safetensors.index.json"] = R"({"weight_map": {"a": "../one.safetensors"}})";
  EXPECT_HAS(failure(), "expected the index of a set of weights");
  commit = std::string(40, 'e');
  content = {
      {"pytorch_model.bin.index.json", R"({"weight_map": {"a": "one.bin"}})"}, {"one.bin", "1"}};
  EXPECT_EQ(pull().files.back().name, "pytorch_model.bin.index.json");
}

TEST_F(Hub, TakesOldPyTorchFilesAndTorchvisionsByTheHashInTheirName) {
  content = {{"pytorch_model.bin", weights}};
  large.clear();
  EXPECT_EQ(pull().files.back().name, "pytorch_model.bin");

  hub::TorchvisionWeights row = hub::find_weights("resnet18", "");
  row.file = "tiny-" + hash_of(weights, hub::Hash::sha256).substr(0, 8) + ".pth";
  content = {{row.file, weights}, {"tiny-00000000.pth", weights}};
  hub::HubOptions o = options();
  o.network.token = "hf_secret";
  write("checkpoints/" + row.file + ".incomplete", weights.substr(0, 777));
  const hub::PulledFile got = hub::get_weights(row, o);
  EXPECT_TRUE(got.downloaded);
  EXPECT_EQ(read("checkpoints/" + row.file), weights);
  EXPECT_EQ(hub_server().seen().back().header("range"), "bytes=777-");
  EXPECT_EQ(hub_server().seen().back().header("authorization"), "");
  EXPECT_FALSE(hub::get_weights(row, o).downloaded);
  row.file = "tiny-00000000.pth";
  EXPECT_HAS(message_of([&] { hub::get_weights(row, o); }), "expected the SHA-256 00000000, got");
  EXPECT_FALSE(fs::exists(path("checkpoints/tiny-00000000.pth.incomplete")));
}

}  // namespace
}  // namespace fovea::test
