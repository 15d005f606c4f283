#include "fovea/hub/torchvision.h"
#include "tests/hub/hub_fixture.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

// What is said where a server does not give what it should.
class HubRefusals : public Hub {};

TEST_F(HubRefusals, SayWhatTheHubNamesAsTheCause) {
  struct Case {
    const char* method;  // GET: the description of the repository; HEAD: its file
    int status;
    const char *code, *token, *why;
  };
  const Case cases[] = {
      {"HEAD", 401, "GatedRepo", "", "is gated: ask for access on its page, and set HF_TOKEN"},
      {"HEAD", 403, "GatedRepo", "hf_x", "is gated: ask for access on its page by the account"},
      {"HEAD", 404, "EntryNotFound", "", "the repository has no such file"},
      {"GET", 404, "RevisionNotFound", "", "the repository has no such branch, tag or commit"},
      {"GET", 401, "RepoNotFound", "", "no such repository, or it is private"},
      {"GET", 404, "RepoNotFound", "hf_x", "no such repository, or this token may not read it"},
      {"GET", 401, "", "hf_x", "the token was not accepted"},
      {"GET", 403, "", "hf_x", "the server answered 403: as it is"}};
  for (const Case& c : cases) {
    on_hub = [&](const ServerRequest& r) -> std::optional<ServerReply> {
      if (r.method != c.method) return {};
      return ServerReply{
          .status = c.status,
          .headers = {{"X-Error-Code", c.code}, {"X-Error-Message", "as it is"}}};
    };
    hub::HubOptions o = options();
    o.network.token = c.token;
    const std::string why = message_of([&] { pull(o); });
    EXPECT_HAS(why, c.why) << c.status << c.code;
    EXPECT_EQ(why.find("gated") != why.npos, std::string(c.code) == "GatedRepo") << why;
  }
}

TEST_F(HubRefusals, OfOtherHostsAreNotTheHubs) {
  content.erase("config.json");
  on_files = [](const ServerRequest&) { return ServerReply{.status = 403, .body = "<Error/>"}; };
  const std::string why = failure();
  EXPECT_HAS(why, "403; " + file_server().url() + " refused the download link: try again");
  EXPECT_EQ(why.find("gated"), why.npos);
  // The cache is one that huggingface_hub takes, and nothing lies there for a file without a byte.
  EXPECT_TRUE(fs::is_directory(path("cache/models--org--tiny/snapshots")));
  EXPECT_TRUE(fs::is_empty(path("cache/models--org--tiny/blobs")));

  on_hub = [](const ServerRequest&) { return ServerReply{.status = 404}; };
  const std::string gone =
      message_of([&] { hub::get_weights(hub::find_weights("resnet18", ""), options()); });
  EXPECT_HAS(gone, "404; this server does not give the file");
  EXPECT_EQ(gone.find("repository"), gone.npos);
}

TEST_F(HubRefusals, NameTheFileThatMayBeMeant) {
  EXPECT_HAS(
      message_of(
          [&] { hub::pull(hub::parse_source("hf://org/tiny/modl.safetensors"), options()); }),
      "no file \"modl.safetensors\"; did you mean \"model.safetensors\"?");
  EXPECT_HAS(
      message_of([&] { hub::pull(hub::parse_source("hf://org/tiny/a/net.onnx"), options()); }),
      "no file \"a/net.onnx\"; it has config.json, model.safetensors");
}

TEST_F(HubRefusals, NameTheVariableWhereTheCacheCannotBeMade) {
  write("file", "");
  hub::HubOptions o = options();
  o.cache = path("file/hub");
  o.checkpoints = path("file/checkpoints");
  EXPECT_THROW(pull(o), IoError);
  EXPECT_HAS(message_of([&] { pull(o); }), "HF_HOME says where it lies");
  EXPECT_THROW(hub::pull(hub::parse_source("resnet18"), o), IoError);
  EXPECT_HAS(
      message_of([&] { hub::pull(hub::parse_source("resnet18"), o); }),
      "TORCH_HOME says where it lies");
}

TEST_F(HubRefusals, AreNotForUrlsInsideOfUrls) {
  const std::string etag = hash_of(weights, hub::Hash::sha256);
  on_hub = [&](const ServerRequest& r) -> std::optional<ServerReply> {
    if (r.path.starts_with("/moved"))
      return ServerReply{.headers = {{"ETag", etag}}, .body = weights};
    if (!r.path.ends_with("model.safetensors")) return {};
    return ServerReply{.status = 302, .headers = {{"Location", "/moved?u=http://x/y"}}};
  };
  pull();
  EXPECT_EQ(hub_server().seen().back().path, "/moved?u=http://x/y");
  EXPECT_EQ(read(blob_of("model.safetensors")), weights);
}

TEST_F(HubRefusals, SaysWhatIsMissing) {
  EXPECT_HAS(
      message_of([&] { hub::pull(hub::parse_source("hf://org/other"), options()); }),
      "404: Entry not found; check the names of repository, revision and file");
  content.erase("model.safetensors");
  EXPECT_HAS(failure(), "found config.json; name another file as hf://org/tiny/FILE");
  const std::string portal = "<html>" + std::string(60, 'x');
  on_hub = [&](const ServerRequest&) { return ServerReply{.body = portal}; };
  EXPECT_HAS(
      failure(),
      "expected JSON, got \"<html>" + std::string(54, 'x') + "...\"; is HF_ENDPOINT right?");
  for (const char* other : {"[]", "{}", R"({"sha": 1, "siblings": []})", R"({"sha": "a"})"}) {
    on_hub = [&](const ServerRequest&) { return ServerReply{.body = other}; };
    EXPECT_HAS(failure(), "expected the hub's description of a repository") << other;
    EXPECT_EQ(failure().find("json.exception"), std::string::npos) << other;
  }
  hub::HubOptions nowhere = options();
  nowhere.network.endpoint = "http://127.0.0.1:1";
  EXPECT_HAS(message_of([&] { pull(nowhere); }), "HF_HUB_OFFLINE=1");
}

TEST_F(HubRefusals, RefusesWhatLeadsOutOfItsFolder) {
  for (const char* name :
       {"../evil", "/etc/passwd", "a/../../b", "a\\b", "line\nbreak", "", "a:b"}) {
    content[name] = "x";
    const hub::Repository repository(options(), "org/tiny", "main");
    EXPECT_HAS(
        message_of([&] { repository.get(name); }),
        "expected the name of a file inside the repository")
        << name;
  }
  EXPECT_EQ(pull().files.size(), 2u);  // what has such a name is left out, the rest is of use
  commit = std::string(40, 'b');
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

TEST_F(HubRefusals, RefusesMoreBytesThanWereAnnounced) {
  on_files = [&](const ServerRequest&) { return ServerReply{.body = weights + "more"}; };
  EXPECT_HAS(failure(), "more than the 30000 bytes of model.safetensors");
  EXPECT_FALSE(fs::exists(path(blob_of("model.safetensors") + ".incomplete")));
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

}  // namespace
}  // namespace fovea::test
