"use strict";
// How plots look: colours from the style sheet, so that they follow the page from light to dark.
const DATA = JSON.parse(document.getElementById("data").textContent);
// By style; seven symbols and five colours make 35 styles before one comes again.
const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "pentagon", "star"];
const N_COLOURS = 5;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function colourName(family) {
  return "depth" + (((DATA.styles[family] - 1) % N_COLOURS) + 1);
}

function familyColour(family) {
  return colour(colourName(family));
}

function symbolOf(family) {
  return SYMBOLS[(DATA.styles[family] - 1) % SYMBOLS.length];
}

function isNarrow(element) {
  return element.clientWidth < 520;
}

// Filled marks for nets with a convolution, hollow ones for those without; the shape tells the depth,
// unless another family of its kind is as deep.
function familyMarker(family, size) {
  const hollow = DATA.kinds[family] === "mlp";
  return {
    symbol: symbolOf(family),
    size: symbolOf(family).startsWith("triangle") ? size + 2 : size,
    color: hollow ? colour("ground") : familyColour(family),
    line: { color: hollow ? familyColour(family) : colour("ground"), width: hollow ? 2 : 1 },
  };
}

function axis(title, more) {
  return Object.assign(
    {
      title: { text: title, font: { size: 13 }, standoff: 10 },
      gridcolor: colour("grid"),
      linecolor: colour("quiet"),
      tickcolor: colour("quiet"),
      tickfont: { size: 12, color: colour("ink") },
      zeroline: false,
      automargin: true,
      fixedrange: true,
    },
    more
  );
}

function layoutOf(x, y, more) {
  return Object.assign(
    {
      font: { family: "system-ui, Segoe UI, Roboto, Helvetica, Arial, sans-serif", size: 13, color: colour("ink") },
      paper_bgcolor: colour("ground"),
      plot_bgcolor: colour("ground"),
      margin: { l: 56, r: 16, t: 16, b: 48 },
      xaxis: x,
      yaxis: y,
      showlegend: false,
      hovermode: "closest",
      hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("rule"), font: { color: colour("ink"), size: 13 } },
    },
    more
  );
}

function show(element, traces, layout) {
  element.classList.add("drawn");
  return Plotly.react(element, traces, layout, { displayModeBar: false, responsive: true, scrollZoom: false });
}

function parameters(n) {
  const [size, letter] = n >= 1e6 ? [1e6, "M"] : n >= 1e3 ? [1e3, "k"] : [1, ""];
  return String(Number((n / size).toPrecision(3))) + letter;
}
