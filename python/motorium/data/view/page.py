"""Style a page by day and by night, and escape its texts."""

from __future__ import annotations

import html

from ...printable import printable

STYLE = """
:root{--page:#f7f7f5;--card:#fff;--ink:#1d1f21;--soft:#6b6f76;--line:#dfe1e4;--a:#1f6fb4;--b:#d9822b;--bad:#b3261e;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--page:#17191c;--card:#1f2226;--ink:#e8eaed;--soft:#9aa0a8;--line:#34383e;
--a:#6db1ea;--b:#f0a95b;--bad:#f2837b;--warn:#e2b155}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 20px 60px}
h1{margin:0;font-size:26px}
h2{margin:28px 0 8px;font-size:17px}
h3{margin:0 0 6px;font-size:16px}
.quiet,h2 span,h3 span{color:var(--soft);font-weight:400;font-size:14px}
p{margin:4px 0}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin-top:16px}
.tiles div{flex:1 1 130px;background:var(--card);
border:1px solid var(--line);border-radius:8px;padding:10px 14px}
.tiles b{display:block;font-size:22px}
.tiles span{color:var(--soft);font-size:13px}
.tasks{margin:0;padding-left:18px}
.tasks span{color:var(--soft)}
.bars{width:100%;height:84px;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:6px}
.bar{fill:var(--a)}
.bar.trouble{fill:var(--b)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;
background:var(--card);border:1px solid var(--line);border-radius:8px}
th{text-align:left;color:var(--soft);font-weight:500}
td,th{padding:5px 10px;border-bottom:1px solid var(--line);vertical-align:top}
.blocks{color:var(--bad);font-weight:600}
.warns{color:var(--warn)}
em{font-style:normal;font-size:13px;margin-left:8px}
a{color:var(--a)}
article{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;margin-top:18px}
.strip{display:flex;gap:4px;align-items:center;margin:6px 0;overflow-x:auto}
.strip span{flex:0 0 56px;color:var(--soft);font-size:13px}
.strip img{flex:1 1 0;min-width:64px;max-width:112px;border-radius:4px;display:block}
.key{color:var(--soft);font-size:13px}
.key span{display:inline-block;width:18px;height:3px;border-radius:2px;margin:0 6px 3px 0}
.key .measured{background:var(--a)}
.key .wanted{background:var(--b);margin-left:16px}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(290px,1fr));gap:10px 14px}
figure{margin:0}
figcaption{font-size:13px}
figcaption span{color:var(--soft)}
figure svg{width:100%;display:block}
polyline{fill:none;stroke-width:1.6;stroke-linejoin:round}
polyline.measured{stroke:var(--a)}
polyline.wanted{stroke:var(--b)}
.axis{stroke:var(--soft);stroke-width:.6}
.grid{stroke:var(--line);stroke-width:.6}
text{font-size:9px;fill:var(--soft)}
.num{text-anchor:end}
"""


def escape(text: str) -> str:
    """Return a dataset's `text` for an element or an attribute in quotes, without characters that hide or turn it."""
    return html.escape(printable(text))
