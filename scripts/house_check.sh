#!/usr/bin/env bash
# The rules of the house that a compiler does not know: a room includes only the rooms it may link
# to, public headers include only the standard library and fovea, headers begin with #pragma once
# (but for Highway's -inl.h, which are included once per instruction set), and files stay short.
set -euo pipefail
cd "$(dirname "$0")/.."

complaints=$(scripts/sources.sh | awk '
  function room_of(path,   parts) {
    return split(path, parts, "/") > 2 && parts[1] == "fovea" ? parts[2] : ""
  }

  # Every room that `room` may include because it stands on `other`.
  function allow(room, other,   names, n, i) {
    allowed[room, other] = 1
    n = split(below[other], names, " ")
    for (i = 1; i <= n; i++) if (!((room, names[i]) in allowed)) allow(room, names[i])
  }

  # Reads the lines "fovea_room(NAME [ROOMS room...] [LINKS target...])" of CMakeLists.txt.
  BEGIN {
    while ((getline line < "CMakeLists.txt") > 0) text = text " " line
    while (match(text, /fovea_room\([^)]*\)/)) {
      n = split(substr(text, RSTART + 11, RLENGTH - 12), words, " ")
      text = substr(text, RSTART + RLENGTH)
      rooms[words[1]]
      for (i = 3; i <= n && words[i] != "LINKS"; i++) below[words[1]] = below[words[1]] " " words[i]
    }
    for (room in rooms) allow(room, room)
  }

  {
    file = $0
    room = room_of(file)
    public = room != "" && room != "backend" && file ~ /\.h$/
    lines = 0
    while ((getline line < file) > 0) {
      lines++
      if (lines == 1 && file ~ /\.h$/ && file !~ /-inl\.h$/ && line != "#pragma once")
        print file ":1: expected #pragma once"
      if (line !~ /^#include/) continue
      split(line, parts, /[<">]/)
      other = room_of(parts[2])
      if (room != "" && other != "" && !((room, other) in allowed))
        print file ":" lines ": " room " does not stand on " other
      if (public && line ~ /</ && parts[2] !~ /^[a-z_0-9]+$/)
        print file ":" lines ": a public header may not include <" parts[2] ">"
    }
    close(file)
    if (lines > 600) print file ": " lines " lines, expected at most 600"
  }')
[ -z "$complaints" ] || { echo "$complaints" >&2; exit 1; }
