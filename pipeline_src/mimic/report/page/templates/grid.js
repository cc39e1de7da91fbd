// Sequential against parallel nets: losses against Q and depth, and what the orders explain.
const LAYOUT_LOOKS = {
  sequential: { ink: "depth1", symbol: "circle", aside: 0.985, dash: "solid" },
  parallel: { ink: "depth2", symbol: "triangle-up", aside: 1.015, dash: "dash" },
};
const HIDDEN_LAYOUTS = new Set();
const LOWEST_SHARE = -1;

function shownLayouts() {
  return Object.keys(LAYOUT_LOOKS).filter((layout) => !HIDDEN_LAYOUTS.has(layout));
}

// Rows of the layouts that are shown, in their order, so that the same one lies above in every figure.
function rowsShown(rows) {
  return shownLayouts().flatMap((layout) => rows.filter((row) => row.layout === layout));
}

// Round numbers, evenly spaced, of a span too short for those of a log scale.
function evenTicks(low, high) {
  const rough = (high - low) / 5, size = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = [1, 2, 5, 10].map((n) => n * size).find((n) => n >= rough), ticks = [];
  for (let n = Math.ceil(low / step); n * step <= high; n += 1) ticks.push(Number((n * step).toPrecision(4)));
  return ticks;
}

// Ticks of a log axis, written out: the more, the fewer decades there are.
function logAxis(title, values, more) {
  const known = values.filter((value) => value > 0);
  if (!known.length) known.push(1);
  const low = Math.log10(Math.min(...known)), high = Math.log10(Math.max(...known)), pad = 0.05 * (high - low) + 0.04;
  const steps = high - low < 0.9 ? [1, 1.5, 2, 3, 5, 7] : high - low < 3 ? [1, 3] : [1];
  const ticks = high - low < 0.35 ? evenTicks(Math.pow(10, low - pad), Math.pow(10, high + pad)) : [];
  if (!ticks.length) for (let decade = Math.floor(low - pad); decade <= Math.ceil(high + pad); decade += 1) steps.forEach((step) => ticks.push(Number((step * Math.pow(10, decade)).toPrecision(2))));
  return axis(title, Object.assign({ type: "log", tickvals: ticks, ticktext: ticks.map(String), range: [low - pad, high + pad] }, more));
}

function depthAxis(title, depths, more) {
  const ticks = [...new Set(depths)].sort((a, b) => a - b);
  const low = Math.log10(ticks[0]), high = Math.log10(ticks[ticks.length - 1]), pad = 0.08 * (high - low) + 0.04;
  // labels that would run into each other are left out; their ticks stay
  let last = -Infinity;
  const text = ticks.map((n) => {
    if (Math.log10(n) - last < 0.055 * (high - low + 2 * pad)) return "";
    last = Math.log10(n);
    return String(n);
  });
  return axis(title, Object.assign({ type: "log", tickvals: ticks, ticktext: text, range: [low - pad, high + pad], showgrid: false, ticks: "outside" }, more));
}

function gridQ(element, dataset) {
  const own = DATA.grid.nets.filter((nets) => nets.dataset === dataset), narrow = isNarrow(element);
  const x = logAxis(narrow ? "Q (log scale)" : "Q = examples × outputs / parameters (log scale)", own.flatMap((nets) => nets.q), { showgrid: false });
  const y = logAxis("Validation loss (log scale)", own.flatMap((nets) => nets.loss));
  const ends = x.range.map((v) => Math.pow(10, v)), traces = [], rims = [], bars = [], edges = new Set();
  rowsShown(own).forEach((nets) => {
    const look = LAYOUT_LOOKS[nets.layout];
    traces.push({
      x: nets.q.map((q) => q * look.aside), y: nets.loss, mode: "markers", name: nets.layout,
      customdata: nets.q.map((q, i) => [q, nets.n_layers[i], nets.n_filters[i]]),
      marker: { color: colour(look.ink), symbol: look.symbol, size: 5.5, opacity: Math.max(0.2, 0.75 * Math.min(1, 200 / nets.q.length)) },
      hovertemplate: nets.layout + ", layers: %{customdata[1]}, filters: %{customdata[2]}<br>Q %{customdata[0]:.4g}: loss %{y:.5f}<extra></extra>",
    });
  });
  const medians = DATA.grid.medians.filter((row) => row.dataset === dataset);
  medians.forEach((row) => row.q_low > ends[0] && row.q_low < ends[1] && edges.add(row.q_low));
  rowsShown(medians).forEach((row) => {
    const look = LAYOUT_LOOKS[row.layout];
    const bar = {
      x: [Math.max(row.q_low, ends[0]) * 1.03, Math.min(row.q_high === null ? Infinity : row.q_high, ends[1]) / 1.03],
      y: [row.validation_loss, row.validation_loss], mode: "lines", name: "median, " + row.layout,
      hovertemplate: "median of " + row.n_nets + " " + row.layout + " nets, Q " + row.interval + ": %{y:.5f}<extra></extra>",
    };
    // the rims keep bars apart from the marks under them; dashes over a line show both where medians are equal
    rims.push({ ...bar, line: { color: colour("ground"), width: 5.5 }, hoverinfo: "skip", hovertemplate: null });
    bars.push({ ...bar, line: { color: colour(look.ink), width: 3, dash: look.dash } });
  });
  traces.push(...rims, ...bars);
  const shapes = [...edges].map((edge) => ({ type: "line", x0: edge, x1: edge, yref: "paper", y0: 0, y1: 1, layer: "below", line: { color: colour("quiet"), width: 1, dash: "dot" } }));
  document.querySelectorAll("[data-thinned]").forEach((note) => (note.hidden = !DATA.grid.nets.some((nets) => nets.n > nets.q.length)));
  show(element, traces, layoutOf(x, y, { shapes: shapes, margin: { l: 56, r: 12, t: 12, b: 48 } }));
}

function depthTraces(rows, layout, id) {
  const look = LAYOUT_LOOKS[layout], own = rows.filter((row) => row.layout === layout);
  const line = (key, name, width, dash, hollow) => ({
    x: own.map((row) => row.n_layers), y: own.map((row) => row[key]), xaxis: "x" + id, yaxis: "y" + id, mode: "lines+markers",
    name: layout + ", " + name, line: { color: colour(look.ink), width: width, dash: dash },
    marker: { symbol: look.symbol, size: 7, color: hollow ? colour("ground") : colour(look.ink), line: { color: colour(look.ink), width: hollow ? 1.4 : 0 } },
    customdata: own.map((row) => row.n_nets),
    hovertemplate: layout + ", layers: %{x}<br>median " + name + " loss of %{customdata} nets: %{y:.5f}<extra></extra>",
  });
  return [line("train_loss", "training", 1.2, "dot", true), line("validation_loss", "validation", 2.2, "solid", false)];
}

function gridDepth(element, dataset) {
  const all = DATA.grid.depths.filter((row) => row.dataset === dataset);
  const counts = [...new Set(all.map((row) => row.n_filters))].sort((a, b) => a - b);
  const wide = element.clientWidth, columns = Math.min(counts.length, wide < 420 ? 2 : wide < 760 ? 3 : 6);
  const rows = Math.ceil(counts.length / columns), height = 24 + 225 * rows;
  element.style.minHeight = height + "px";
  const traces = [], annotations = [], layout = layoutOf(undefined, undefined, { height: height, margin: { l: 52, r: 8, t: 20, b: 4 } });
  delete layout.xaxis;
  delete layout.yaxis;
  const losses = all.flatMap((row) => [row.train_loss, row.validation_loss]), gap = wide < 420 ? 0.05 : 0.02;
  const width = (1 - gap * (columns - 1)) / columns, tall = 1 / rows;
  counts.forEach((count, i) => {
    const id = i ? String(i + 1) : "", column = i % columns, row = Math.floor(i / columns);
    const left = column * (width + gap), top = 1 - row * tall;
    layout["xaxis" + id] = depthAxis("layers", all.map((r) => r.n_layers), { domain: [left, left + width], anchor: "y" + id, automargin: false, tickfont: { size: 11, color: colour("ink") } });
    layout["xaxis" + id].title = { text: "layers", font: { size: 12 }, standoff: 4 };
    layout["yaxis" + id] = logAxis(column ? "" : "Loss", losses, { domain: [top - tall + 62 / (height - 24), top], anchor: "x" + id, automargin: false, showticklabels: column === 0, tickfont: { size: 11, color: colour("ink") } });
    const name = count + (count === 1 ? " filter" : " filters");
    annotations.push({ text: name, xref: "paper", yref: "paper", x: left + width / 2, y: top, xanchor: "center", yanchor: "bottom", yshift: 1, showarrow: false, font: { size: 12, color: colour("ink") } });
    shownLayouts().forEach((shown) => traces.push(...depthTraces(all.filter((r) => r.n_filters === count), shown, id)));
  });
  layout.annotations = annotations;
  show(element, traces, layout);
}

function gridShares(element, dataset) {
  const own = DATA.grid.shares.filter((row) => row.dataset === dataset);
  const orders = [...new Set(own.map((row) => row.order))].sort((a, b) => a - b);
  const dashes = ["solid", "dash", "dot", "dashdot"];
  const traces = orders.map((order, i) => {
    const rows = own.filter((row) => row.order === order), ink = colour("depth" + ((i % 5) + 1));
    return {
      x: rows.map((row) => row.n_layers), y: rows.map((row) => row.share), mode: "lines+markers", name: (order === 1 ? "order 1" : "orders 1 to " + order),
      line: { color: ink, width: 2.2, dash: dashes[i % 4] }, marker: { color: ink, size: 8, symbol: SYMBOLS[(i % 5) + 1] },
      customdata: rows.map((row) => row.n_nets),
      hovertemplate: (order === 1 ? "order 1" : "orders 1 to " + order) + ", layers: %{x}<br>share explained, median of %{customdata} nets: %{y:.4f}<extra></extra>",
    };
  });
  const lowest = Math.min(...own.map((row) => row.share));
  if (lowest < LOWEST_SHARE) document.querySelectorAll("[data-clipped]").forEach((note) => (note.hidden = false));
  const y = axis("Share explained", { range: [Math.max(LOWEST_SHARE, Math.min(0, lowest)) - 0.05, 1.06] });
  show(element, traces, layoutOf(depthAxis("Residual layers (log scale)", own.map((row) => row.n_layers)), y, {
    showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 12 }, itemclick: false, itemdoubleclick: false }, margin: { l: 56, r: 12, t: 44, b: 48 },
  }));
}

const GRID_PLOTS = { q: gridQ, depth: gridDepth, shares: gridShares };

function gridPlots() {
  document.querySelectorAll("[data-grid]").forEach((element) => GRID_PLOTS[element.dataset.grid](element, element.dataset.dataset));
}

function gridLegend() {
  const place = document.getElementById("legend-grid");
  if (!place) return;
  const marks = { sequential: '<circle cx="14" cy="8" r="4.5"/>', parallel: '<path d="M14 3l5 9H9z"/>' };
  const known = new Set(DATA.grid.nets.map((nets) => nets.layout));
  Object.keys(LAYOUT_LOOKS).filter((layout) => known.has(layout)).forEach((layout) => {
    const look = LAYOUT_LOOKS[layout], button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.innerHTML = '<svg width="28" height="16" viewBox="0 0 28 16" aria-hidden="true"><path d="M0 8h28" stroke="var(--' + look.ink + ')" stroke-width="2.4"' + (look.dash === "dash" ? ' stroke-dasharray="5 3"' : "") + '/><g fill="var(--' + look.ink + ')">' + marks[layout] + "</g></svg>";
    button.append(layout);
    button.addEventListener("click", () => {
      HIDDEN_LAYOUTS.has(layout) ? HIDDEN_LAYOUTS.delete(layout) : HIDDEN_LAYOUTS.add(layout);
      button.setAttribute("aria-pressed", String(!HIDDEN_LAYOUTS.has(layout)));
      gridPlots();
    });
    place.append(button);
  });
}
