#include "fovea/report/html_style.h"

namespace fovea::report {

const std::string_view html_style = R"css(
:root{color-scheme:light dark;--page:#f8f7f4;--card:#fff;--ink:#1f2228;--soft:#5f6672;--line:#e3e0d9;
--accent:#2563c9;--good:#1c8557;--warning:#a8660c;--bad:#c53030;--track:#eceae5}
@media(prefers-color-scheme:dark){:root{--page:#101216;--card:#16181d;--ink:#e6e8ec;--soft:#9aa1ae;--line:#282c34;
--accent:#76acff;--good:#5ccb97;--warning:#f0b35a;--bad:#ff8a8a;--track:#262a32}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:4rem;-webkit-text-size-adjust:100%}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--page);color:var(--ink);
font:1rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:break-word}
header,main{max-width:68rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:3.5rem;padding-bottom:1.5rem}
h1{font-size:clamp(1.7rem,1.2rem + 2vw,2.4rem);line-height:1.15;letter-spacing:-.02em;font-weight:680;margin:0;text-wrap:balance}
.sub{color:var(--soft);margin:.6rem 0 0;max-width:44rem}
nav{position:sticky;top:0;z-index:1;background:var(--page);border-bottom:1px solid var(--line)}
nav ul{max-width:68rem;margin:0 auto;padding:0 1.25rem;list-style:none;display:flex;gap:1.5rem;overflow-x:auto;scrollbar-width:none}
nav a{display:block;padding:.7rem 0;color:var(--soft);text-decoration:none;white-space:nowrap;font-size:.92rem}
nav a:hover,nav a:focus-visible{color:var(--accent)}
a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
main{padding-bottom:5rem}
section{padding-top:2.75rem}
h2{font-size:1.35rem;line-height:1.25;letter-spacing:-.01em;font-weight:640;margin:0 0 1rem}
p{max-width:44rem;margin:0 0 1rem;white-space:pre-line;text-wrap:pretty}
.note{max-width:44rem;margin:0 0 1.25rem;padding:.7rem 1rem;border-left:3px solid var(--tone);background:var(--card);border-radius:0 8px 8px 0;white-space:pre-line}
.neutral{--tone:var(--accent)}.good{--tone:var(--good)}.warning{--tone:var(--warning)}.bad{--tone:var(--bad)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,10.5rem),1fr));gap:1rem;margin:0 0 1.5rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1rem 1.15rem}
.card dt{color:var(--soft);font-size:.88rem}
.card dd{margin:0}
.card .value{font-size:1.7rem;line-height:1.3;font-weight:640;letter-spacing:-.01em}
.card .detail{font-size:.86rem;color:var(--soft)}
.card.good .detail,.card.warning .detail,.card.bad .detail{color:var(--tone)}
figure{margin:0}
figcaption{color:var(--soft);font-size:.9rem;line-height:1.45}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,29rem),1fr));gap:1rem;margin:0 0 1.5rem}
.figures figure{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.15rem;min-width:0}
.figures figure:has(>.wide){grid-column:1/-1}
.figures figcaption{margin-top:.75rem;max-width:44rem}
.table{margin:0 0 1.5rem;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:.35rem 1.15rem .6rem;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.95rem}
caption{caption-side:top;text-align:left;color:var(--soft);font-size:.9rem;padding:.5rem 0 .2rem}
th,td{text-align:left;padding:.5rem 1.5rem .5rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th:last-child,td:last-child{padding-right:0}
th{font-weight:600;color:var(--soft);font-size:.88rem;white-space:nowrap;vertical-align:bottom}
tr:last-child td{border-bottom:0}
.n{text-align:right;white-space:nowrap}
.code{margin:0 0 1.5rem}
.code figcaption{margin-bottom:.4rem}
pre{margin:0;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1rem 1.15rem;overflow-x:auto;
font:.86rem/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.picture{margin:0 0 1.5rem}
.picture img{max-width:100%;height:auto;border-radius:8px;display:block}
.picture figcaption{margin-top:.6rem}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:1rem;margin:0 0 1.5rem}
.gallery figure{background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden}
.gallery img{width:100%;height:auto;aspect-ratio:1;object-fit:contain;display:block;background:var(--track)}
.px{image-rendering:pixelated}
.gallery figcaption{padding:.6rem .8rem .7rem;font-size:.88rem}
figcaption b{color:var(--ink);font-weight:600;display:block}
.good b{color:var(--good)}.warning b{color:var(--warning)}.bad b{color:var(--bad)}
.share{display:block;height:4px;margin-top:.5rem;border-radius:2px;background:var(--track)}
.share i{display:block;height:100%;border-radius:2px;background:var(--tone)}
@media(max-width:30rem){header{padding-top:2rem}section{padding-top:2.1rem}
.cards{grid-template-columns:1fr 1fr;gap:.75rem}.card{padding:.8rem .9rem}.card .value{font-size:1.4rem}
.gallery{grid-template-columns:1fr 1fr;gap:.75rem}.figures figure{padding:.9rem .8rem}
.table{padding-left:.9rem;padding-right:.9rem}th,td{padding-right:1rem}}
@media print{:root{color-scheme:light;--page:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc;--accent:#2563c9;
--good:#1c8557;--warning:#8a5309;--bad:#b02a2a;--track:#e5e5e5}
body{font-size:10pt}nav{display:none}header{padding-top:0}
header,main{max-width:none;padding-left:0;padding-right:0}
figure,.card,tr,.note{break-inside:avoid}h2{break-after:avoid}
.figures{grid-template-columns:1fr 1fr}.gallery{grid-template-columns:repeat(5,1fr)}
pre{white-space:pre-wrap}.share,.share i{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)css";

}  // namespace fovea::report
