#!/usr/bin/env bash
# Code that a page quotes from a file, under a line <!-- from FILE -->, must stand there, but for
# indentation; and links to files of the project must lead somewhere.
set -euo pipefail
cd "$(dirname "$0")/.."

complaints=$(find . -name '*.md' -not -path './build/*' -not -path './.*' | LC_ALL=C sort | awk '
  function stripped(line) { gsub(/^[ \t]+|[ \t]+$/, "", line); return line }

  function text_of(file,   line, text) {
    text = "\n"
    while ((getline line < file) > 0) text = text stripped(line) "\n"
    close(file)
    return text
  }

  function check_links(line,   link) {
    gsub(/`[^`]*`/, "", line)
    while (match(line, /\]\([^)]+\)/)) {
      link = substr(line, RSTART + 2, RLENGTH - 3)
      line = substr(line, RSTART + RLENGTH)
      sub(/#.*/, "", link)
      if (link == "" || link ~ /^[a-z]+:/) continue
      if (system("test -e \"" folder link "\"") != 0)
        print page ":" number ": no file " link
    }
  }

  {
    page = $0
    folder = page
    sub(/[^\/]*$/, "", folder)
    number = inside = 0
    source = ""
    while ((getline line < page) > 0) {
      number++
      if (line ~ /^```/) {
        if (inside && source != "" && !index(text_of(source), quote))
          print page ":" begin ": not in " source
        if (inside) source = ""
        inside = !inside
        begin = number
        quote = "\n"
      } else if (inside) {
        quote = quote stripped(line) "\n"
      } else if (line ~ /^<!-- from .* -->$/) {
        split(line, words, " ")
        source = words[3]
      } else {
        check_links(line)
      }
    }
    close(page)
  }')
[ -z "$complaints" ] || { echo "$complaints" >&2; exit 1; }
