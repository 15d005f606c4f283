// The only place that knows SQLite.
#include "fovea/search/store.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <sqlite3.h>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/errors.h"

namespace fovea::search {

namespace {

constexpr int application = 0x666f7665;  // "fove"
constexpr int tables_version = 1;

constexpr const char* tables = R"(
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE progress (seconds REAL NOT NULL);
INSERT INTO progress VALUES (0);
CREATE TABLE stage (number INTEGER PRIMARY KEY, epochs INTEGER NOT NULL, done INTEGER NOT NULL);
CREATE TABLE dimension (stage INTEGER, key TEXT, range TEXT NOT NULL, PRIMARY KEY (stage, key));
CREATE TABLE note (stage INTEGER, number INTEGER, text TEXT NOT NULL, PRIMARY KEY (stage, number));
CREATE TABLE trial (number INTEGER PRIMARY KEY, stage INTEGER NOT NULL, bracket INTEGER NOT NULL,
  state TEXT NOT NULL, reason TEXT NOT NULL, seconds REAL NOT NULL);
CREATE TABLE value (trial INTEGER, key TEXT, value TEXT NOT NULL, PRIMARY KEY (trial, key));
CREATE TABLE epoch (trial INTEGER, epoch INTEGER, train_loss REAL, train_top1 REAL, val_loss REAL,
  val_top1 REAL, PRIMARY KEY (trial, epoch));
)";

State state_of(const std::string& name) {
  for (State s : {State::waiting, State::running, State::stopped, State::done})
    if (name == name_of(s)) return s;
  return State::failed;
}

}  // namespace

struct Store::Database {
  std::string path;
  sqlite3* handle = nullptr;

  explicit Database(std::string p) : path(std::move(p)) {
    // Read as a path and nothing else, whatever it begins with.
    if (sqlite3_open_v2(
            path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) !=
        SQLITE_OK) {
      const IoError error = failure();
      sqlite3_close(handle);
      throw error;
    }
  }
  ~Database() { sqlite3_close(handle); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  IoError failure() const {
    switch (sqlite3_errcode(handle)) {
      case SQLITE_BUSY:
        return IoError(path, "another fovea works on this search; wait for it, or stop it");
      case SQLITE_NOTADB:
        return IoError(path, "not a search: expected an SQLite file; give another --out");
      default:
        return IoError(path, fmt::format("SQLite: {}", sqlite3_errmsg(handle)));
    }
  }

  void run(const std::string& sql) {
    if (sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) throw failure();
  }

  template <class F>
  void transaction(F f) {
    run("BEGIN IMMEDIATE");
    try {
      f();
      run("COMMIT");
    } catch (...) {
      sqlite3_exec(handle, "ROLLBACK", nullptr, nullptr, nullptr);
      throw;
    }
  }
};

namespace {

// One SQL statement with its parameters, and its rows.
template <class Database>
class Statement {
 public:
  template <class... Parameters>
  Statement(Database& db, const char* sql, const Parameters&... parameters) : db_(db) {
    if (sqlite3_prepare_v2(db.handle, sql, -1, &handle_, nullptr) != SQLITE_OK) throw db.failure();
    int at = 0;
    (bind(++at, parameters), ...);
  }
  ~Statement() { sqlite3_finalize(handle_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  bool next() {
    const int code = sqlite3_step(handle_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) throw db_.failure();
    return code == SQLITE_ROW;
  }
  int64_t integer(int column) const { return sqlite3_column_int64(handle_, column); }
  double number(int column) const {
    return sqlite3_column_type(handle_, column) == SQLITE_NULL
               ? std::numeric_limits<double>::quiet_NaN()
               : sqlite3_column_double(handle_, column);
  }
  std::string text(int column) const {
    const unsigned char* text = sqlite3_column_text(handle_, column);
    return text ? std::string(reinterpret_cast<const char*>(text)) : std::string();
  }

 private:
  void check(int code) {
    if (code != SQLITE_OK) throw db_.failure();
  }
  void bind(int at, const std::string& v) {
    check(sqlite3_bind_text(handle_, at, v.data(), int(v.size()), SQLITE_TRANSIENT));
  }
  void bind(int at, std::string_view v) { bind(at, std::string(v)); }
  void bind(int at, int64_t v) { check(sqlite3_bind_int64(handle_, at, v)); }
  void bind(int at, int v) { bind(at, int64_t(v)); }
  void bind(int at, size_t v) { bind(at, int64_t(v)); }
  void bind(int at, bool v) { bind(at, int64_t(v)); }
  void bind(int at, double v) {  // NaN is stored as NULL
    check(std::isnan(v) ? sqlite3_bind_null(handle_, at) : sqlite3_bind_double(handle_, at, v));
  }

  Database& db_;
  sqlite3_stmt* handle_ = nullptr;
};

template <class Database, class... Parameters>
void execute(Database& db, const char* sql, const Parameters&... parameters) {
  Statement<Database>(db, sql, parameters...).next();
}

template <class Database>
int64_t pragma(Database& db, const char* sql) {
  Statement<Database> s(db, sql);
  return s.next() ? s.integer(0) : 0;
}

template <class Database>
void check_version(Database& db) {
  if (pragma(db, "PRAGMA application_id") != application)
    throw IoError(db.path, "not a search: an SQLite file of something else; give another --out");
  if (const int64_t v = pragma(db, "PRAGMA user_version"); v != tables_version)
    throw IoError(
        db.path,
        fmt::format(
            "a search of another version of fovea: expected tables of version {}, got {}",
            tables_version,
            v));
}

template <class Database>
Settings settings_of(Database& db) {
  Settings all;
  for (Statement s(db, "SELECT name, value FROM setting"); s.next();) all[s.text(0)] = s.text(1);
  return all;
}

void compare(const std::string& path, const Settings& there, const Settings& here) {
  if (there == here) return;
  Settings all = there;
  all.insert(here.begin(), here.end());
  auto value = [](const Settings& s, const std::string& name) {
    const auto it = s.find(name);
    return it == s.end() ? std::string("not set") : "\"" + it->second + "\"";
  };
  for (const auto& item : all)
    if (const std::string a = value(there, item.first), b = value(here, item.first); a != b)
      throw std::invalid_argument(fmt::format(
          "{} holds another search: {} is {} there and {} here; give another --out, or --overwrite "
          "it",
          path,
          item.first,
          a,
          b));
}

}  // namespace

Store::Store(const std::string& path, const Settings& settings)
    : db_(std::make_unique<Database>(path)) {
  Database& db = *db_;
  // No other process reads or writes between our transactions.
  db.run("PRAGMA locking_mode = EXCLUSIVE");
  bool fresh = false;
  db.transaction([&] {
    fresh = pragma(db, "SELECT count(*) FROM sqlite_master") == 0;
    if (!fresh) return;
    db.run(tables);
    db.run(fmt::format("PRAGMA application_id = {}", application));
    db.run(fmt::format("PRAGMA user_version = {}", tables_version));
    for (const auto& [name, value] : settings)
      execute(db, "INSERT INTO setting VALUES (?, ?)", name, value);
  });
  if (!fresh) {
    check_version(db);
    compare(path, settings_of(db), settings);
  }
  // What a process wrote outlives it at once; only a power cut may take the last transactions.
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = NORMAL");
}

Store::~Store() = default;

double Store::seconds() const {
  Statement s(*db_, "SELECT seconds FROM progress");
  return s.next() ? s.number(0) : 0;
}

void Store::set_seconds(double seconds) {
  execute(*db_, "UPDATE progress SET seconds = ?", seconds);
}

std::vector<Stage> Store::stages() const {
  std::vector<Stage> all;
  for (Statement s(*db_, "SELECT number, epochs, done FROM stage ORDER BY number"); s.next();) {
    Stage stage{
        .number = int(s.integer(0)), .epochs = int(s.integer(1)), .done = s.integer(2) != 0};
    for (Statement d(
             *db_, "SELECT key, range FROM dimension WHERE stage = ? ORDER BY key", stage.number);
         d.next();)
      stage.space.push_back(dimension_of(d.text(0), d.text(1), db_->path));
    for (Statement n(*db_, "SELECT text FROM note WHERE stage = ? ORDER BY number", stage.number);
         n.next();)
      stage.notes.push_back(n.text(0));
    all.push_back(std::move(stage));
  }
  return all;
}

void Store::put(const Stage& stage) {
  db_->transaction([&] {
    execute(
        *db_,
        "INSERT OR REPLACE INTO stage VALUES (?, ?, ?)",
        stage.number,
        stage.epochs,
        stage.done);
    for (const Dimension& d : stage.space)
      execute(
          *db_, "INSERT OR REPLACE INTO dimension VALUES (?, ?, ?)", stage.number, d.key, d.str());
    for (size_t i = 0; i < stage.notes.size(); ++i)
      execute(
          *db_, "INSERT OR REPLACE INTO note VALUES (?, ?, ?)", stage.number, i, stage.notes[i]);
  });
}

std::vector<Trial> Store::trials() const {
  std::vector<Trial> all;
  for (Statement s(
           *db_,
           "SELECT number, stage, bracket, state, reason, seconds FROM trial ORDER BY number");
       s.next();) {
    Trial t{
        .number = s.integer(0),
        .stage = int(s.integer(1)),
        .bracket = int(s.integer(2)),
        .values = {},
        .state = state_of(s.text(3)),
        .reason = s.text(4),
        .seconds = s.number(5)};
    for (Statement v(*db_, "SELECT key, value FROM value WHERE trial = ?", t.number); v.next();)
      t.values[v.text(0)] = v.text(1);
    for (Statement e(
             *db_,
             "SELECT epoch, train_loss, train_top1, val_loss, val_top1 FROM epoch WHERE trial = ? "
             "ORDER BY epoch",
             t.number);
         e.next();)
      t.epochs.push_back({e.integer(0), e.number(1), e.number(2), e.number(3), e.number(4)});
    all.push_back(std::move(t));
  }
  return all;
}

void Store::add(std::span<const Trial> trials) {
  db_->transaction([&] {
    for (const Trial& t : trials) {
      execute(
          *db_,
          "INSERT INTO trial VALUES (?, ?, ?, ?, ?, ?)",
          t.number,
          t.stage,
          t.bracket,
          name_of(t.state),
          t.reason,
          t.seconds);
      for (const auto& [key, value] : t.values)
        execute(*db_, "INSERT INTO value VALUES (?, ?, ?)", t.number, key, value);
    }
  });
}

void Store::update(const Trial& t) {
  execute(
      *db_,
      "UPDATE trial SET state = ?, reason = ?, seconds = ? WHERE number = ?",
      name_of(t.state),
      t.reason,
      t.seconds,
      t.number);
}

void Store::put_epochs(int64_t trial, std::span<const TrialEpoch> epochs) {
  db_->transaction([&] {
    for (const TrialEpoch& e : epochs)
      execute(
          *db_,
          "INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, ?, ?, ?)",
          trial,
          e.epoch,
          e.train_loss,
          e.train_top1,
          e.val_loss,
          e.val_top1);
  });
}

}  // namespace fovea::search
