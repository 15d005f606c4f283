#include "fovea/serve/page.h"

#include <string>

#include "fovea/report/html_style.h"

namespace fovea::serve {

namespace {

constexpr std::string_view begin = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fovea</title>
<link rel="icon" href="data:,">
<style>)html";

constexpr std::string_view style = R"css(
header{padding-top:2.25rem;padding-bottom:1.25rem}
main{padding-bottom:3.5rem}
.try{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:1.25rem;align-items:start}
.panel{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.15rem;min-width:0}
.drop{position:relative;display:grid;place-items:center;min-height:18rem;padding:1rem;border:2px dashed var(--line);
border-radius:10px;text-align:center;color:var(--soft);cursor:pointer;overflow:hidden;background:var(--page)}
.drop.over,.drop:focus-visible{border-color:var(--accent);outline:0}
.drop.full{border-style:solid;border-width:1px;padding:0;background:var(--track)}
.drop img{display:block;max-width:100%;max-height:24rem}
.drop b{display:block;color:var(--ink);font-size:1.05rem;font-weight:600}
.buttons{display:flex;flex-wrap:wrap;gap:.6rem;margin-top:.9rem}
button{font:inherit;font-weight:560;flex:1 1 auto;min-height:2.75rem;padding:.35rem .5rem;border-radius:10px;border:1px solid var(--line);
background:var(--page);color:var(--ink);cursor:pointer}
button:hover{border-color:var(--accent)}
button:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
button.main{background:var(--accent);border-color:var(--accent);color:var(--card)}
h2{font-size:1.1rem;margin:0 0 .75rem}
ol{list-style:none;margin:0;padding:0}
li{margin:0 0 .8rem}
.row{display:flex;justify-content:space-between;gap:1rem;align-items:baseline}
.row span:first-child{min-width:0;overflow-wrap:anywhere}
.row span:last-child{white-space:nowrap}
li:first-child .row{font-weight:640}
.bar{height:.55rem;margin-top:.3rem;border-radius:99px;background:var(--track);overflow:hidden}
.bar i{display:block;height:100%;min-width:2px;border-radius:99px;background:var(--accent);animation:grow .35s ease-out}
@keyframes grow{from{width:0}}
li:not(:first-child) .bar i{opacity:.62}
@media(prefers-reduced-motion:reduce){.bar i{animation:none}}
.status{color:var(--soft);margin:0;font-size:.94rem}
.status.bad{color:var(--bad)}
.panel .status+ol:not(:empty){margin-top:1rem}
.about{margin-top:1.25rem}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.3rem 1.25rem;margin:0;font-size:.95rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.about pre{margin-top:1.1rem;background:var(--page);white-space:pre-wrap;overflow-wrap:anywhere}
.visually-hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
@media(max-width:44rem){.try{grid-template-columns:minmax(0,1fr)}.drop{min-height:13rem}}
@media(max-width:30rem){header{padding-top:1.5rem;padding-bottom:1rem}.panel{padding:.9rem}header,main{padding-left:1rem;padding-right:1rem}}
)css";

constexpr std::string_view body = R"html(</style>
</head>
<body>
<header>
<h1 id="name">fovea</h1>
<p class="sub" id="sub">&nbsp;</p>
</header>
<main>
<div class="try">
<div class="panel">
<div class="drop" id="drop" role="button" tabindex="0" aria-label="Choose a picture">
<p id="hint"><b>Drop a picture here</b>or choose, paste or photograph one</p>
</div>
<div class="buttons">
<button class="main" id="choose" type="button">Choose a picture</button>
<button id="shoot" type="button">Take a photo</button>
</div>
<input class="visually-hidden" id="file" type="file" accept="image/*" tabindex="-1" aria-hidden="true">
<input class="visually-hidden" id="camera" type="file" accept="image/*" capture="environment" tabindex="-1" aria-hidden="true">
</div>
<div class="panel">
<h2>What the model sees</h2>
<p class="status" id="status" role="status">Nothing yet.</p>
<ol id="bars"></ol>
</div>
</div>
<div class="panel about">
<h2>The model</h2>
<dl id="facts"></dl>
<pre id="curl"></pre>
</div>
</main>
<script>
"use strict";
const $ = id => document.getElementById(id);
let shown = "", asked = 0;

function say(text, bad) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", !!bad);
}

function percent(p) {
  return p >= 0.9995 ? "100 %" : p < 0.0005 ? "< 0.1 %" : (100 * p).toFixed(1) + " %";
}

function draw(predictions) {
  $("bars").replaceChildren(...predictions.map(p => {
    const item = document.createElement("li"), row = document.createElement("div");
    const name = document.createElement("span"), value = document.createElement("span");
    const bar = document.createElement("div"), fill = document.createElement("i");
    row.className = "row";
    bar.className = "bar";
    name.textContent = p.class;
    value.textContent = percent(p.probability);
    row.append(name, value);
    bar.append(fill);
    item.append(row, bar);
    fill.style.width = 100 * p.probability + "%";
    return item;
  }));
}

function show(file) {
  if (shown) URL.revokeObjectURL(shown);
  shown = URL.createObjectURL(file);
  const image = new Image();
  image.alt = "The picture";
  image.onload = () => { $("drop").replaceChildren(image); $("drop").classList.add("full"); };
  image.onerror = () => { $("drop").replaceChildren($("drop").hint); $("drop").classList.remove("full"); };
  image.src = shown;
}

async function predict(file) {
  if (!file) return;
  const mine = ++asked;
  show(file);
  draw([]);
  say("Looking\u2026");
  try {
    const reply = await fetch("predict?top=5", {
      method: "POST", body: file, headers: {"Content-Type": file.type || "application/octet-stream"}});
    const answer = await reply.json();
    if (mine !== asked) return;
    if (!reply.ok) return say(answer.error, true);
    say(answer.milliseconds.toFixed(1) + " ms on the server");
    draw(answer.predictions);
  } catch (e) {
    if (mine === asked) say("The server does not answer; is it still running?", true);
  }
}

const drop = $("drop");
drop.hint = $("hint");
$("choose").onclick = drop.onclick = () => $("file").click();
$("shoot").onclick = () => $("camera").click();
drop.onkeydown = e => {
  if (e.key === "Enter" || e.key === " ") { e.preventDefault(); $("file").click(); }
};
for (const id of ["file", "camera"])
  $(id).onchange = e => { predict(e.target.files[0]); e.target.value = ""; };
document.ondragover = e => { e.preventDefault(); drop.classList.add("over"); };
document.ondragleave = () => drop.classList.remove("over");
document.ondrop = e => {
  e.preventDefault();
  drop.classList.remove("over");
  predict(e.dataTransfer.files[0]);
};
document.onpaste = e => predict([...e.clipboardData.files].find(f => f.type.startsWith("image/")));
$("curl").textContent = "curl --data-binary @photo.jpg '" + new URL("predict?top=5", location.href) + "'";

fetch("model").then(r => r.json()).then(m => {
  document.title = m.name + " \u2013 fovea";
  $("name").textContent = m.name;
  const few = m.classes.slice(0, 6).join(" \u00b7 ");
  $("sub").textContent = "Tells " + m.classes.length + " classes apart: " + few +
    (m.classes.length > 6 ? " \u00b7 \u2026" : "");
  const [h, w, c] = m.input;
  const facts = {
    Architecture: m.architecture,
    Input: h + " \u00d7 " + w + (c === 1 ? ", grey" : ", colour"),
    Parameters: m.parameters.toLocaleString("en"),
    Classes: String(m.classes.length)};
  for (const [split, value] of Object.entries(m.metrics))
    if (split.endsWith("top1")) facts["Accuracy (" + split.split("_")[0] + ")"] = percent(value);
  if (m.licence) facts.Licence = m.licence;
  for (const [key, value] of Object.entries(facts)) {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = key;
    dd.textContent = value;
    $("facts").append(dt, dd);
  }
});
</script>
</body>
</html>
)html";

}  // namespace

std::string_view page() {
  static const std::string all =
      std::string(begin) + std::string(report::html_style) + std::string(style) + std::string(body);
  return all;
}

}  // namespace fovea::serve
