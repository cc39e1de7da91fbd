// Figures 1 and 2, with or without the paper's curves.
const HIDDEN = { figure1: new Set(), figure2: new Set() };
const LEVELS = { ensemble: "dashdot", teacher: "dot" };
const OVERLAID = { figure1: false, figure2: false };

function familiesOf(rows, kind) {
  const found = rows.filter((row) => row.series === "student" && row.family).map((row) => row.family);
  return Object.keys(DATA.names)
    .filter((family) => found.includes(family) && (!kind || DATA.kinds[family] === kind))
    .sort((a, b) => DATA.kinds[a].localeCompare(DATA.kinds[b]) || DATA.depths[a] - DATA.depths[b]);
}

// At a lone budget marks would stand above each other: then families stand side by side around it.
function placesOf(families, budgets) {
  const places = {};
  families.forEach((family, i) => {
    const one = budgets.length > 1 || families.length < 2;
    places[family] = one ? 1 : Math.pow(10, 0.28 * ((2 * i) / (families.length - 1) - 1));
  });
  return places;
}

function parameterAxis(rows, overlaid, narrow) {
  const ticks = new Set(rows.filter((row) => row.budget).map((row) => row.n_parameters));
  if (overlaid) DATA.paper.forEach((row) => row.series === "student" && ticks.add(row.n_parameters));
  let values = [...ticks].sort((a, b) => a - b);
  const low = values[0], high = values[values.length - 1];
  const decades = Math.log10(high / low) || 0;
  const margin = decades ? 0.07 * decades + 0.03 : 0.4;
  const range = [Math.log10(low) - margin, Math.log10(high) + margin];
  // labels that would run into each other are left out; their ticks stay
  const room = (narrow ? 0.13 : 0.065) * (range[1] - range[0]);
  let last = -Infinity;
  const text = values.map((n) => {
    if (Math.log10(n) - last < room) return "";
    last = Math.log10(n);
    return parameters(n);
  });
  const title = narrow ? "Trainable parameters (log scale)" : "Number of trainable parameters (log scale)";
  return axis(title, { type: "log", tickvals: values, ticktext: text, range: range, showgrid: false, ticks: "outside" });
}

function hover(name, what) {
  return name + "<br>%{customdata}: %{y:.2f} % " + what + "<extra></extra>";
}

function studentTraces(rows, family, place) {
  const own = rows.filter((row) => row.series === "student" && row.family === family && row.best_pct !== null);
  const x = own.map((row) => row.n_parameters * place);
  const labels = own.map((row) => row.budget);
  const name = DATA.names[family];
  const line = (key, width, dash, mode, what) => ({
    x: x, y: own.map((row) => row[key]), customdata: labels, mode: mode, name: name,
    line: { color: familyColour(family), width: width, dash: dash }, marker: familyMarker(family, 9),
    hovertemplate: hover(name, what),
  });
  return { own: own, line: line };
}

function paperTraces(families) {
  return families.map((family) => {
    const own = DATA.paper.filter((row) => row.series === "student" && row.family === family);
    return {
      x: own.map((row) => row.n_parameters), y: own.map((row) => row.pct), mode: "lines+markers", opacity: 0.85,
      customdata: own.map((row) => parameters(row.n_parameters)), name: "paper: " + DATA.names[family],
      line: { color: familyColour(family), width: 1.2, dash: "dot" }, marker: familyMarker(family, 5),
      hovertemplate: hover("Paper: " + DATA.names[family], "best"),
    };
  });
}

function shortLine(family, n, pct, half, width, dash, text) {
  return {
    x: [n / half, n * half], y: [pct, pct], mode: "lines", name: text, customdata: [parameters(n), parameters(n)],
    line: { color: familyColour(family), width: width, dash: dash }, hovertemplate: hover(text, "on hard labels"),
  };
}

function figure1() {
  const element = document.getElementById("plot-figure1");
  if (!element) return;
  const rows = DATA.figure1, overlaid = OVERLAID.figure1, narrow = isNarrow(element);
  const all = familiesOf(rows);
  const families = all.filter((family) => !HIDDEN.figure1.has(family));
  const budgets = [...new Set(rows.filter((row) => row.budget).map((row) => row.budget))];
  const places = placesOf(all, budgets);
  const x = parameterAxis(rows, overlaid, narrow);
  const decades = x.range[1] - x.range[0];
  const traces = [];
  if (overlaid) {
    traces.push(...paperTraces(families));
    DATA.paper.filter((row) => row.series === "hard_label" && families.includes(row.family)).forEach((row) =>
      traces.push(shortLine(row.family, row.n_parameters, row.pct, Math.pow(10, 0.02 * decades), 2, "dot", "Paper: " + DATA.names[row.family])));
  }
  families.forEach((family) => {
    const { own, line } = studentTraces(rows, family, places[family]);
    if (!own.length) return;
    traces.push(line("best_pct", 1, "dash", own.length > 1 ? "lines" : "markers", "best"));
    traces.push(line("fifth_pct", 1, "dash", own.length > 1 ? "lines" : "markers", "fifth or last"));
    if (own.length === 1) {
      traces.slice(-2).forEach((t) => Object.assign(t, { marker: { symbol: "line-ew", size: 12, line: { color: familyColour(family), width: 2 } } }));
    }
    traces.push(line("mean_pct", 2.4, "solid", "lines+markers", "mean"));
  });
  const hard = rows.filter((row) => row.series === "hard_label" && row.best_pct !== null);
  hard.filter((row) => !all.includes(row.family) || families.includes(row.family)).forEach((row) => {
    // side by side, since nets of one budget are often equally good
    const others = hard.filter((other) => other.n_parameters === row.n_parameters);
    const shift = (others.indexOf(row) - (others.length - 1) / 2) * 0.026 * decades;
    const n = row.n_parameters * (places[row.family] || 1) * Math.pow(10, shift);
    const trace = shortLine(row.family, n, row.best_pct, Math.pow(10, 0.0125 * decades), 5, "solid", DATA.names[row.family]);
    trace.customdata = [row.budget, row.budget];
    // the rim keeps it apart from a line of the same height
    const rim = { ...trace, line: { color: colour("ground"), width: 9 }, hoverinfo: "skip", hovertemplate: null };
    traces.push(rim, trace);
  });
  const lines = rows.filter((row) => row.series === "ensemble" || row.series === "teacher");
  const annotations = [];
  lines.forEach((row) => traces.push(level(x.range, row.best_pct, LEVELS[row.series], row.model, colour("ink"))));
  const y = axis("Test accuracy (%)", { range: spanOf(traces, 0.07) });
  rows.filter((row) => row.gap_points > 0 && families.includes(row.family)).forEach((row) => {
    const top = rows.find((r) => r.series === "student" && r.family === row.family && r.budget === row.budget).best_pct;
    const right = row.series === "convolutional_gap" ? 1 : -1;
    const at = Math.log10(row.n_parameters * places[row.family]) + 0.032 * decades * right;
    const isLeft = (at - x.range[0]) / decades < 0.45;
    annotations.push(...gapArrow(row, at, top, y.range, narrow, isLeft));
  });
  return show(element, traces, layoutOf(x, y, { annotations: annotations, margin: { l: narrow ? 44 : 56, r: 12, t: 12, b: 52 } }));
}

function level(range, pct, dash, name, ink) {
  return {
    x: range.map((v) => Math.pow(10, v)), y: [pct, pct], mode: "lines", name: name,
    line: { color: ink, width: 1.5, dash: dash }, hovertemplate: name + ": %{y:.2f} %<extra></extra>",
  };
}

// The name stands where there is room: to the right of an arrow at the left.
function gapArrow(row, at, top, range, narrow, isLeft) {
  const bottom = top - row.gap_points, tall = row.gap_points > 0.14 * (range[1] - range[0]);
  const arrow = {
    x: at, y: top, ax: at, ay: bottom, xref: "x", yref: "y", axref: "x", ayref: "y", text: "", showarrow: true,
    arrowhead: 2, startarrowhead: 2, arrowside: "end+start", arrowwidth: 1.2, arrowcolor: colour("ink"),
  };
  const name = row.series.replace("_", " ") + "<br>" + row.gap_points.toFixed(1) + " points";
  const text = {
    text: name, x: at, xref: "x", xanchor: isLeft ? "left" : "right", xshift: isLeft ? 7 : -7, align: isLeft ? "left" : "right", showarrow: false,
    y: tall ? bottom + 0.38 * row.gap_points : bottom, yanchor: tall ? "middle" : "top", yshift: tall ? 0 : -4,
    font: { size: narrow ? 11 : 12, color: colour("ink") }, bgcolor: colour("ground"), borderpad: 2,
  };
  return [arrow, text];
}

// Range of all that is drawn, and a margin.
function spanOf(traces, margin) {
  const values = traces.flatMap((trace) => trace.y).filter((value) => value !== null && value !== undefined);
  const low = Math.min(...values), high = Math.max(...values), pad = margin * (high - low || 1);
  return [Math.max(0, low - pad), Math.min(100 + pad / 2, high + pad)];
}

function figure2() {
  const rows = DATA.figure2;
  ["cnn", "mlp"].forEach((kind) => {
    const element = document.getElementById("plot-figure2-" + kind);
    if (!element) return;
    const all = familiesOf(rows, kind);
    if (!all.length) return empty(element, DATA.planned.includes(kind) ? "No such student has finished yet." : "The config has no such family.");
    const families = all.filter((family) => !HIDDEN.figure2.has(family));
    const budgets = [...new Set(rows.filter((row) => row.budget).map((row) => row.budget))];
    const places = placesOf(all, budgets);
    const traces = OVERLAID.figure2 ? paperTraces(families) : [];
    families.forEach((family) => {
      const { own, line } = studentTraces(rows, family, places[family]);
      if (own.length) traces.push(line("best_pct", 2.4, "solid", "lines+markers", "best"));
    });
    const y = axis("Test accuracy (%)", traces.length ? { range: spanOf(traces, 0.08) } : {});
    show(element, traces, layoutOf(parameterAxis(rows, OVERLAID.figure2, true), y));
  });
}

function empty(element, text) {
  element.textContent = text;
  element.classList.add("none");
  element.style.minHeight = "0";
}

function swatch(family) {
  const hollow = DATA.kinds[family] === "mlp";
  const shapes = {
    circle: '<circle cx="14" cy="8" r="4.5"/>', square: '<rect x="10" y="4" width="8" height="8"/>',
    "triangle-up": '<path d="M14 3l5 9H9z"/>', diamond: '<path d="M14 2.5l5 5.5-5 5.5-5-5.5z"/>',
    "triangle-down": '<path d="M14 13L9 4h10z"/>', pentagon: '<path d="M14 3l4.9 3.6-1.9 5.7h-6l-1.9-5.7z"/>',
    star: '<path d="M14 2.5l1.4 3.6 3.9.2-3 2.5 1 3.7-3.3-2.1-3.3 2.1 1-3.7-3-2.5 3.9-.2z"/>',
  };
  const ink = "var(--" + colourName(family) + ")";
  return '<svg width="28" height="16" viewBox="0 0 28 16" aria-hidden="true"><path d="M0 8h28" stroke="' + ink + '" stroke-width="2.4"/>' +
    '<g fill="' + (hollow ? "var(--ground)" : ink) + '" stroke="' + ink + '" stroke-width="' + (hollow ? 2 : 0) + '">' + shapes[symbolOf(family)] + "</g></svg>";
}

function legend(figure, draw) {
  const place = document.getElementById("legend-" + figure);
  if (!place) return;
  familiesOf(DATA[figure]).forEach((family) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.innerHTML = swatch(family);
    button.append(DATA.names[family]);
    button.addEventListener("click", () => {
      const hidden = HIDDEN[figure];
      hidden.has(family) ? hidden.delete(family) : hidden.add(family);
      button.setAttribute("aria-pressed", String(!hidden.has(family)));
      draw();
    });
    place.append(button);
  });
  if (figure !== "figure1") return;
  // what no button shows or hides
  const keys = DATA.figure1.filter((row) => LEVELS[row.series]).map((row) => [row.series, row.model + ", " + row.best_pct.toFixed(1) + " %"]);
  if (DATA.figure1.some((row) => row.series === "hard_label")) keys.push(["hard_label", "on hard labels"]);
  keys.push(["fifth", "best and fifth, or last"]);
  const dashes = { ensemble: ["9 3 2 3", 1.8], teacher: ["2 3", 1.8], hard_label: ["", 5], fifth: ["6 4", 1.2] };
  keys.forEach(([series, text]) => {
    const key = document.createElement("span");
    const [dash, width] = dashes[series];
    key.innerHTML = '<svg width="28" height="16" viewBox="0 0 28 16" aria-hidden="true"><path d="M0 8h28" stroke="currentColor" stroke-width="' + width + '" stroke-dasharray="' + dash + '"/></svg>';
    key.append(text);
    place.append(key);
  });
}
