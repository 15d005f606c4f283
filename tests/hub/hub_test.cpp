#include <atomic>
#include <thread>

#include "fovea/hub/torchvision.h"
#include "tests/hub/hub_fixture.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

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

TEST_F(Hub, CountsTriesAnewAsLongAsBytesCome) {
  content["model.safetensors"] = weights + weights + weights;
  on_files = [&](const ServerRequest& r) {
    const std::string range = r.header("range");
    const size_t from = range.empty() ? 0 : std::stoul(range.substr(6));
    return ServerReply{
        .status = from ? 206 : 200,
        .headers = {{"Content-Range", fmt::format("bytes {}-", from)}},
        .body = content["model.safetensors"].substr(from),
        .cut = 20000};
  };
  hub::HubOptions o = options();
  o.network.tries = 2;
  pull(o);
  EXPECT_EQ(file_server().seen().size(), 5u);
  EXPECT_EQ(read(blob_of("model.safetensors")), content["model.safetensors"]);

  // Bytes that came before are none.
  content["model.safetensors"] = std::string(90000, 'x');
  commit = std::string(40, 'b');
  on_files = [&](const ServerRequest&) {
    return ServerReply{.body = content["model.safetensors"], .cut = 20000};
  };
  EXPECT_HAS(message_of([&] { pull(o); }), "20000 of 90000 bytes of model.safetensors are kept");
  EXPECT_EQ(file_server().seen().size(), 7u);
}

TEST_F(Hub, ALaterPullGoesOnWithWhatCame) {
  on_files = [&](const ServerRequest&) { return ServerReply{.body = weights, .cut = 12345}; };
  hub::HubOptions once = options();
  once.network.tries = 1;
  EXPECT_HAS(
      message_of([&] { pull(once); }),
      "12345 of 30000 bytes of model.safetensors are kept, and the same command goes on from "
      "there");
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

TEST_F(Hub, BeginsAnewWhereTheServerSendsAnotherRange) {
  write(blob_of("model.safetensors") + ".incomplete", weights.substr(0, 777));
  on_files = [&](const ServerRequest& r) -> std::optional<ServerReply> {
    if (r.header("range").empty()) return {};
    return ServerReply{
        .status = 206, .headers = {{"Content-Range", "bytes 0-29999/30000"}}, .body = weights};
  };
  pull();
  const auto seen = file_server().seen();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].header("range"), "bytes=777-");
  EXPECT_EQ(seen[1].header("range"), "");
  EXPECT_EQ(read(blob_of("model.safetensors")), weights);
}

TEST_F(Hub, PullsFilesWithoutAByte) {
  content["notes.txt"] = "";
  const hub::Pulled got = hub::pull(hub::parse_source("hf://org/tiny/notes.txt"), options());
  ASSERT_EQ(got.files.size(), 1u);
  EXPECT_TRUE(got.files[0].downloaded);
  EXPECT_EQ(got.files[0].bytes, 0u);
  EXPECT_EQ(got.files[0].checked, hub::Hash::git);
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
  EXPECT_HAS(failure(), "401: Invalid username or password; there is no such repository");
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

TEST_F(Hub, OfflineSaysSoWhereTheCacheHoldsAPart) {
  hub::pull(hub::parse_source("hf://org/tiny/config.json"), options());
  hub::HubOptions offline = options();
  offline.offline = true;
  EXPECT_HAS(
      message_of([&] { pull(offline); }),
      "found config.json in the cache, and this is offline: pull it with a network");
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
