// Go wide, then narrow: three ways to train thin nets, and how their trainings went.
const WIN_LOOKS = {
  Vanilla: { ink: "depth1", symbol: "circle", dash: "dot" },
  KD: { ink: "depth3", symbol: "square", dash: "dash" },
  WIN: { ink: "depth2", symbol: "triangle-up", dash: "solid" },
  "block 1": { ink: "depth1", symbol: "circle", dash: "solid" },
  "block 2": { ink: "depth2", symbol: "square", dash: "dash" },
  "block 3": { ink: "depth3", symbol: "triangle-up", dash: "dot" },
  "block 4": { ink: "depth4", symbol: "diamond", dash: "dashdot" },
};
const WIN_LEGEND = { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 12 }, itemclick: false, itemdoubleclick: false };

function winSeries(rows, key) {
  return Object.keys(WIN_LOOKS).filter((name) => rows.some((row) => row[key] === name));
}

function winMethods(element) {
  const rows = DATA.win.methods, models = [...new Set(rows.map((row) => row.model))], methods = winSeries(rows, "method");
  const traces = [], narrow = isNarrow(element), step = 0.24, aside = narrow ? 0.09 : 0.06;
  methods.forEach((method, i) => {
    const look = WIN_LOOKS[method], own = rows.filter((row) => row.method === method), ink = colour(look.ink);
    const x = own.map((row) => models.indexOf(row.model) + step * (i - (methods.length - 1) / 2));
    const size = look.symbol === "triangle-up" ? 11 : 9;
    const seeds = own.map((row) => (row.n_seeds === 1 ? "one seed" : "± " + row.sd.toFixed(2) + ", " + row.n_seeds + " seeds"));
    traces.push({
      x: x, y: own.map((row) => row.mean), mode: "markers", name: method, text: own.map((row) => row.model), customdata: seeds,
      marker: { color: ink, symbol: look.symbol, size: size }, error_y: { array: own.map((row) => row.sd || 0), color: ink, thickness: 1.6, width: 4, visible: own.some((row) => row.sd !== null) },
      hovertemplate: "%{text}, " + method + ": %{y:.2f} % (%{customdata})<extra></extra>",
    });
    const known = own.map((row, k) => [x[k] + aside, row.paper, row.model]).filter((mark) => mark[1] !== null);
    if (!known.length) return;
    traces.push({
      x: known.map((mark) => mark[0]), y: known.map((mark) => mark[1]), mode: "markers", name: method + ", paper", text: known.map((mark) => mark[2]),
      marker: { color: colour("ground"), symbol: look.symbol, size: size, line: { color: ink, width: 1.8 } },
      hovertemplate: "%{text}, " + method + " in the paper: %{y:.1f} %<extra></extra>",
    });
  });
  // a name breaks before its width; many of them stand on end on a narrow screen
  const text = models.map((model) => (narrow && models.length > 4 ? model : model.replace("-", "<br>")));
  const x = axis("", { tickvals: models.map((_, i) => i), ticktext: text, tickangle: narrow && models.length > 4 ? -60 : 0, range: [-0.6, models.length - 0.4], showgrid: false });
  const rules = models.slice(1).map((_, i) => ({ type: "line", x0: i + 0.5, x1: i + 0.5, yref: "paper", y0: 0, y1: 1, layer: "below", line: { color: colour("grid"), width: 1 } }));
  const top = narrow && traces.length > 3 ? 66 : 44;
  show(element, traces, layoutOf(x, axis("Test accuracy (%)"), { shapes: rules, showlegend: true, legend: WIN_LEGEND, margin: { l: 56, r: 12, t: top, b: 48 } }));
}

// A panel for each net, with the first seed's curves over those of the others.
function winPanels(element, curves, yaxisOf, hover) {
  const models = [...new Set(curves.map((curve) => curve.model))], series = winSeries(curves, "series");
  const wide = element.clientWidth, columns = Math.min(models.length, wide < 480 ? 1 : wide < 900 ? 2 : 3);
  const rows = Math.ceil(models.length / columns), panel = 250, top = wide < 420 && series.length > 3 ? 70 : 56, height = top + panel * rows;
  element.style.minHeight = height + "px";
  const legend = Object.assign({}, WIN_LEGEND, { y: 1 + 24 / (panel * rows) });
  const traces = [], annotations = [], layout = layoutOf(undefined, undefined, { height: height, margin: { l: 58, r: 8, t: top, b: 0 }, showlegend: true, legend: legend });
  delete layout.xaxis;
  delete layout.yaxis;
  const gap = 0.035, width = (1 - gap * (columns - 1)) / columns, tall = 1 / rows;
  const last = Math.max(...curves.flatMap((curve) => curve.epochs)), first = Math.min(...curves.map((curve) => curve.seed));
  models.forEach((model, i) => {
    const id = i ? String(i + 1) : "", column = i % columns, row = Math.floor(i / columns);
    const left = column * (width + gap), upper = 1 - row * tall;
    layout["xaxis" + id] = axis("Epoch", { domain: [left, left + width], anchor: "y" + id, range: [0.5 - 0.04 * last, last + 0.5 + 0.04 * last], automargin: false, showgrid: false, nticks: 6, tickformat: "d", dtick: last < 6 ? 1 : undefined });
    layout["xaxis" + id].title = { text: "Epoch", font: { size: 12 }, standoff: 4 };
    layout["yaxis" + id] = yaxisOf(column, { domain: [upper - tall + (row === rows - 1 ? 52 : 76) / (panel * rows), upper], anchor: "x" + id, automargin: false, showticklabels: column === 0, tickfont: { size: 11, color: colour("ink") } });
    annotations.push({ text: model, xref: "paper", yref: "paper", x: left + width / 2, y: upper, xanchor: "center", yanchor: "bottom", yshift: 1, showarrow: false, font: { size: 12, color: colour("ink") } });
    const own = curves.filter((curve) => curve.model === model);
    const seeds = own.filter((curve) => curve.seed !== first).concat(own.filter((curve) => curve.seed === first));
    seeds.forEach((curve) => {
      const look = WIN_LOOKS[curve.series], ink = colour(look.ink), bold = curve.seed === first, few = curve.epochs.length < 12;
      traces.push({
        x: curve.epochs, y: curve.values, xaxis: "x" + id, yaxis: "y" + id, name: curve.series, mode: few ? "lines+markers" : "lines",
        opacity: bold ? 1 : 0.35, showlegend: false, line: { color: ink, width: bold ? 2.2 : 1.2, dash: look.dash }, marker: { color: ink, symbol: look.symbol, size: (bold ? 6 : 4) + (look.symbol === "circle" ? 0 : 1) },
        hovertemplate: model + ", " + curve.series + ", seed " + curve.seed + ", epoch %{x}: " + hover + "<extra></extra>",
      });
    });
  });
  series.forEach((name) => {
    const look = WIN_LOOKS[name], ink = colour(look.ink);
    traces.push({ x: [null], y: [null], name: name, mode: "lines+markers", line: { color: ink, width: 2.2, dash: look.dash }, marker: { color: ink, symbol: look.symbol, size: 7 }, hoverinfo: "skip" });
  });
  layout.annotations = annotations;
  show(element, traces, layout);
}

function winBlocks(element) {
  const curves = DATA.win.blocks, values = curves.flatMap((curve) => curve.values);
  winPanels(element, curves, (column, more) => logAxis(column ? "" : "Discrepancy (log scale)", values, more), "%{y:.4g}");
}

function winNets(element) {
  const curves = DATA.win.nets, range = spanOf(curves.map((curve) => ({ y: curve.values })), 0.05);
  winPanels(element, curves, (column, more) => axis(column ? "" : "Test accuracy (%)", Object.assign({ range: range }, more)), "%{y:.2f} %");
}

const WIN_PLOTS = { methods: winMethods, blocks: winBlocks, nets: winNets };

function winPlots() {
  document.querySelectorAll("[data-win]").forEach((element) => WIN_PLOTS[element.dataset.win](element));
}
