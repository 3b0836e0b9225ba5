/** The style of the page that shows the interfaces: the dashboard's colours, light and dark, on any width. */
export const DOCS_STYLE = `:root {
  color-scheme: light dark;
  --back: #eef1f3; --panel: #ffffff; --text: #14191e; --second: #3d4a55; --line: #d3dade; --accent: #0b5c9c;
}
@media (prefers-color-scheme: dark) {
  :root { --back: #0d1115; --panel: #13191f; --text: #e8edf1; --second: #a9b7c2; --line: #27313a; --accent: #7cc0f5; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.55 "Inter Variable", Inter, system-ui, sans-serif; overflow-wrap: anywhere;
  display: grid; grid-template: "head head" auto "nav main" 1fr / minmax(15rem, 20rem) minmax(0, 54rem);
}
header { grid-area: head; padding: 1.5rem 1.5rem 0; max-width: 60rem; }
nav {
  grid-area: nav; align-self: start; position: sticky; top: 0; max-height: 100vh; overflow-y: auto;
  padding: 0.5rem 1.5rem 3rem; font-size: 13px;
}
main { grid-area: main; padding: 0.5rem 1.5rem 3rem 0; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 0.5rem; }
h1 small { color: var(--second); font-size: 15px; font-weight: 400; }
h2 { font-size: 18px; margin: 2rem 0 0.75rem; }
nav h2 { font-size: 13px; margin: 1rem 0 0.25rem; color: var(--second); }
h3 { font-size: 15px; margin: 0; }
h3 .type { font-weight: 400; }
h4 { font-size: 13px; margin: 1.1rem 0 0.3rem; color: var(--second); }
p { margin: 0.4rem 0; }
a { color: var(--accent); }
h3 a, nav a { text-decoration: none; }
h3 a:hover, nav a:hover { text-decoration: underline; }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: 4px 0; }
nav b, h3 b { font-size: 11px; letter-spacing: 0.04em; }
article { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 1rem 1.25rem; margin: 0 0 1rem; }
article:target { border-color: var(--accent); }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 13px; }
pre { margin: 0.6rem 0; padding: 0.75rem; background: var(--back); border-radius: 4px; white-space: pre-wrap; }
dl { margin: 0; }
.field { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 0 1rem; padding: 0.3rem 0; border-top: 1px solid var(--line); }
.field:first-child { border-top: 0; }
dd { margin: 0; }
.type { color: var(--second); font-size: 13px; }
@media (max-width: 60rem) {
  body { display: block; }
  header, nav, main { padding: 1rem 1rem 0; }
  nav { position: static; max-height: none; }
  nav ul { columns: 2 15rem; }
  nav a { padding: 0.7rem 0; }
  article { padding: 0.9rem; }
}
@media (max-width: 34rem) {
  .field { display: block; }
}
@media print {
  nav { display: none; }
  body { display: block; }
}
`;
