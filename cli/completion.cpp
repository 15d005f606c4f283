// fovea completion: scripts for shells, and the man page, from the option tables themselves.
#include <memory>

#include <fmt/format.h>

#include "cli/application.h"
#include "cli/verb.h"
#include "fovea/core/version.h"

namespace fovea::cli {

namespace {

std::vector<const CLI::App*> subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string long_names(const CLI::App& app) {
  std::string names;
  for (const CLI::Option* o : app.get_options())
    for (const std::string& name : o->get_lnames()) names += (names.empty() ? "--" : " --") + name;
  return names;
}

std::string verb_names(const CLI::App& app) {
  std::string names;
  for (const CLI::App* sub : subcommands(app))
    names += (names.empty() ? "" : " ") + sub->get_name();
  return names;
}

std::string bash(const CLI::App& app) {
  std::string cases;
  for (const CLI::App* sub : subcommands(app))
    cases += fmt::format("    {}) words=\"{}\" ;;\n", sub->get_name(), long_names(*sub));
  return fmt::format(
      "# bash completion for fovea: source it, or put it in "
      "~/.local/share/bash-completion/completions\n"
      "_fovea() {{\n"
      "  local current=\"${{COMP_WORDS[COMP_CWORD]}}\" words=\"\"\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"{} --help --version\"; else\n"
      "  case \"${{COMP_WORDS[1]}}\" in\n{}  esac; fi\n"
      "  case \"$current\" in\n"
      "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
      "    *) if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W \"$words\" -- "
      "\"$current\"));\n"
      "       else COMPREPLY=($(compgen -f -- \"$current\")); fi ;;\n"
      "  esac\n"
      "}}\n"
      "complete -o filenames -F _fovea fovea\n",
      verb_names(app),
      cases);
}

std::string escaped(std::string text, char c, std::string_view with) {
  for (size_t at = 0; (at = text.find(c, at)) != std::string::npos; at += with.size())
    text.replace(at, 1, with);
  return text;
}

// Flags do not.
bool takes_value(const CLI::Option& o) { return o.get_items_expected_max() > 0; }

std::string zsh(const CLI::App& app) {
  auto quotable = [](const std::string& text) { return escaped(text, '\'', "'\\''"); };
  std::string verbs_text, cases;
  for (const CLI::App* sub : subcommands(app)) {
    verbs_text += fmt::format("    '{}:{}'\n", sub->get_name(), quotable(sub->get_description()));
    std::string arguments;
    for (const CLI::Option* o : sub->get_options())
      for (const std::string& name : o->get_lnames())
        arguments += fmt::format(
            " '--{}[{}]{}'",
            name,
            escaped(quotable(o->get_description()), ':', "\\:"),
            takes_value(*o) ? ":value:_files" : "");
    cases += fmt::format("    {}) _arguments{} '*:file:_files' ;;\n", sub->get_name(), arguments);
  }
  return fmt::format(
      "#compdef fovea\n"
      "_fovea() {{\n"
      "  local -a verbs=(\n{}  )\n"
      "  if (( CURRENT == 2 )); then _describe verb verbs; return; fi\n"
      "  local verb=$words[2]; shift words; (( CURRENT-- ))\n"
      "  case $verb in\n{}  esac\n"
      "}}\n"
      "compdef _fovea fovea\n",
      verbs_text,
      cases);
}

std::string fish(const CLI::App& app) {
  auto quotable = [](const std::string& text) { return escaped(text, '\'', "\\'"); };
  std::string out =
      "# fish completion for fovea: put it in ~/.config/fish/completions/fovea.fish\n";
  for (const CLI::App* sub : subcommands(app)) {
    out += fmt::format(
        "complete -c fovea -n __fish_use_subcommand -f -a {} -d '{}'\n",
        sub->get_name(),
        quotable(sub->get_description()));
    for (const CLI::Option* o : sub->get_options())
      for (const std::string& name : o->get_lnames())
        out += fmt::format(
            "complete -c fovea -n '__fish_seen_subcommand_from {}' -l {}{} -d '{}'\n",
            sub->get_name(),
            name,
            takes_value(*o) ? " -r" : "",
            quotable(o->get_description()));
  }
  return out;
}

std::string roff(std::string text) {
  text = escaped(std::move(text), '\\', "\\e");
  return escaped(std::move(text), '-', "\\-");
}

void man_options(const CLI::App& app, std::string& out) {
  for (const CLI::Option* o : app.get_options()) {
    std::string value = takes_value(*o) ? " \\fI" + roff(o->get_type_name()) + "\\fR" : "";
    out += fmt::format(
        ".TP\n\\fB{}\\fR{}\n{}\n",
        roff(o->get_name(false, true)),
        value,
        roff(o->get_description()));
  }
}

std::string man(const CLI::App& app) {
  std::string out = fmt::format(
      ".TH FOVEA 1 \"\" \"fovea {}\" \"User Commands\"\n.SH NAME\nfovea \\- {}\n"
      ".SH SYNOPSIS\n.B fovea\n\\fIVERB\\fR [\\fIOPTION\\fR...]\n.SH DESCRIPTION\n{}\n"
      "The result goes to standard output, everything else to standard error.\n",
      version(),
      roff(app.get_description()),
      roff(app.get_description()));
  for (const Verb& verb : verbs()) {
    const CLI::App* sub = app.get_subcommand(verb.name);
    out += fmt::format(".SH \"fovea {}\"\n{}.\n", verb.name, roff(verb.summary));
    man_options(*sub, out);
    out += ".PP\nExamples:\n.nf\n";
    for (const std::string& line : verb.examples) out += "    " + roff(line) + "\n";
    out += ".fi\n";
  }
  out +=
      ".SH ENVIRONMENT\n.TP\n\\fBFOVEA_\\fISECTION\\fB_\\fIKEY\\fR\nA setting of a recipe: "
      "FOVEA_TRAIN_EPOCHS=5 is train.epochs = 5. Flags and \\-\\-set win over it, it wins over the "
      "recipe.\n"
      ".TP\n\\fBFOVEA_THREADS\\fR, \\fBFOVEA_CONV_RULE\\fR\nThe same as \\-\\-threads and "
      "\\-\\-conv\\-rule.\n.TP\n\\fBNO_COLOR\\fR, "
      "\\fBCLICOLOR_FORCE\\fR\nNo colours; colours always.\n"
      ".SH \"EXIT STATUS\"\n0 success, 1 failure, 2 wrong usage, 3 bad data, 4 a check failed, 130 "
      "and 143 stopped by SIGINT and SIGTERM after a checkpoint.\n";
  return out;
}

int run(const std::string& what) {
  Application application;
  const CLI::App& app = application.app();
  print(
      what == "bash"   ? bash(app)
      : what == "zsh"  ? zsh(app)
      : what == "fish" ? fish(app)
                       : man(app));
  return ok;
}

}  // namespace

Verb completion_verb() {
  return {
      "completion",
      "Print a completion script for a shell, or the man page",
      {"fovea completion bash > ~/.local/share/bash-completion/completions/fovea",
       "fovea completion man | man -l -"},
      [](Arguments& app) {
        auto what = std::make_shared<std::string>();
        app.add_option("shell", *what, "bash, zsh, fish or man")
            ->required()
            ->check(one_of({"bash", "zsh", "fish", "man"}));
        return [what](const Globals&) { return run(*what); };
      }};
}

}  // namespace fovea::cli
