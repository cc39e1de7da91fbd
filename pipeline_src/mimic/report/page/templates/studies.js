// The ensemble, the cost over time, and each study's curves and search.
function ensemblePlot() {
  const element = document.getElementById("plot-ensemble");
  if (!element) return;
  const n = DATA.steps.map((step, i) => i + 1);
  const line = (key, name, ink, symbol, dash) => ({
    x: n, y: DATA.steps.map((step) => 100 * step[key]), mode: "lines+markers", name: name,
    line: { color: ink, width: 2.2, dash: dash }, marker: { symbol: symbol, size: 8, color: ink },
    customdata: DATA.steps.map((step) => step.trial),
    hovertemplate: name + " with teacher %{customdata}: %{y:.2f} %<extra></extra>",
  });
  const traces = [
    line("test_accuracy", "Test", colour("depth1"), "circle", "solid"),
    line("validation_accuracy", "Validation", colour("depth2"), "square", "dash"),
  ];
  const x = axis("Members, in the order of selection", { tickvals: n.filter((i) => n.length <= 20 || i === 1 || i % 5 === 0), range: [0.6, n.length + 0.4 + 0.12 * n.length], showgrid: false });
  const last = n.length - 1;
  const apart = Math.abs(traces[0].y[last] - traces[1].y[last]);
  const span = spanOf(traces, 0.1);
  const near = apart < 0.08 * (span[1] - span[0]);
  const upper = traces[0].y[last] >= traces[1].y[last] ? 0 : 1;
  const annotations = traces.map((trace, i) => ({
    x: n[last], y: trace.y[last], text: trace.name, showarrow: false, xanchor: "left", xshift: 8,
    yshift: near ? (i === upper ? 9 : -9) : 0, font: { size: 13, color: trace.line.color },
  }));
  show(element, traces, layoutOf(x, axis("Accuracy (%)", { range: span }), { annotations: annotations }));
}

function costPlot() {
  const element = document.getElementById("plot-cost");
  if (!element) return;
  const o = DATA.occupation;
  const names = ["teachers", "epochs", "logits", "students", "shallow", "win"];
  const inks = { teachers: "depth2", epochs: "depth3", logits: "depth4", students: "depth1", shallow: "depth5", win: "accent", others: "quiet" };
  const hatches = { teachers: "", epochs: "x", logits: ".", students: "/", shallow: "\\", win: "-", others: "" };
  const bins = Object.fromEntries(names.map((step) => [step, o.steps[step]]));
  Object.entries(o.steps).filter(([step]) => !names.includes(step)).forEach(([, values]) => {
    bins.others = bins.others ? bins.others.map((n, i) => n + values[i]) : values;
  });
  const traces = Object.keys(inks).filter((step) => bins[step]).map((step) => ({
    type: "bar", x: o.edges.slice(0, -1).map((edge, i) => (edge + o.edges[i + 1]) / 2), y: bins[step], name: step,
    width: o.edges[1] - o.edges[0],
    marker: {
      color: colour(inks[step]), line: { width: 0 },
      pattern: { shape: hatches[step], fillmode: "overlay", fgcolor: colour("ground"), fgopacity: 0.55, size: 7, solidity: 0.14 },
    },
    hovertemplate: step + ": %{y:.2f} jobs at %{x:.1f} " + o.unit + "<extra></extra>",
  }));
  const x = axis("Time since the first job started (" + o.unit + ")", { showgrid: false, range: [0, o.edges[o.edges.length - 1]] });
  show(element, traces, layoutOf(x, axis("Jobs at work", { rangemode: "tozero" }), {
    barmode: "stack", bargap: 0, showlegend: true,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "normal", font: { size: 12 } },
    margin: { l: 56, r: 16, t: 40, b: 48 },
  }));
}

function curvesPlot(element, study) {
  const traces = study.curves.filter((curve) => curve.trial !== study.best).map((curve) => ({
    x: curve.epochs, y: curve.validation, mode: "lines", line: { color: colour("quiet"), width: 0.8 }, opacity: 0.5,
    hovertemplate: "trial " + curve.trial + ", epoch %{x}: %{y:.2f} %<extra></extra>",
  }));
  const best = study.curves.find((curve) => curve.trial === study.best);
  const layout = layoutOf(axis("Epoch", { showgrid: false, rangemode: "tozero" }), axis("Validation accuracy (%)"));
  if (best) {
    const few = best.epochs.length < 3;
    traces.push({
      x: best.epochs, y: best.validation, mode: few ? "lines+markers" : "lines", line: { color: colour("depth1"), width: 2.6 },
      hovertemplate: "best trial " + best.trial + ", epoch %{x}: %{y:.2f} %<extra></extra>",
    });
    traces.push({
      x: best.epochs, y: best.loss, yaxis: "y2", mode: few ? "lines+markers" : "lines", line: { color: colour("depth2"), width: 1.8, dash: "dot" },
      hovertemplate: "training loss of trial " + best.trial + ", epoch %{x}: %{y:.4g}<extra></extra>",
    });
    layout.yaxis2 = axis("Training loss of the best", { overlaying: "y", side: "right", showgrid: false, tickmode: "auto", nticks: 6, rangemode: "tozero", tickfont: { size: 12, color: colour("depth2") } });
    layout.yaxis2.title.font = { size: 13, color: colour("depth2") };
    layout.yaxis.title.font = { size: 13, color: colour("depth1") };
    layout.margin = { l: 52, r: 52, t: 34, b: 48 };
    layout.annotations = [
      { text: "best: trial " + best.trial + " (solid); its loss, " + study.loss_name + " (dotted)", xref: "paper", yref: "paper", x: 0, y: 1, yanchor: "bottom", xanchor: "left", showarrow: false, yshift: 8, font: { size: 12, color: colour("quiet") } },
    ];
    if (isNarrow(element)) layout.annotations[0].text = "solid: trial " + best.trial + ", dotted: its loss";
  }
  show(element, traces, layout);
}

function searchPlot(element, study) {
  const first = study.trials.filter((trial, i) => i && study.rounds[i] !== study.rounds[i - 1]);
  const failed = study.trials.filter((trial, i) => study.values[i] === null);
  const seen = study.values.filter((value) => value !== null);
  const traces = [
    { x: study.trials, y: study.so_far, mode: "lines", line: { color: colour("depth1"), width: 2.2, shape: "hv" }, hovertemplate: "best so far: %{y:.2f} %<extra></extra>" },
    { x: study.trials, y: study.values, mode: "markers", marker: { color: colour("depth2"), size: 7, symbol: "circle-open", line: { width: 1.6 } }, customdata: study.rounds, hovertemplate: "trial %{x}, round %{customdata}: %{y:.2f} %<extra></extra>" },
  ];
  if (failed.length && seen.length) {
    traces.push({ x: failed, y: failed.map(() => Math.min(...seen)), mode: "markers", marker: { color: colour("ink"), size: 8, symbol: "x-thin", line: { width: 2, color: colour("ink") } }, hovertemplate: "trial %{x}: diverged<extra></extra>" });
  }
  const shapes = first.map((trial) => ({ type: "line", x0: trial - 0.5, x1: trial - 0.5, yref: "paper", y0: 0, y1: 1, line: { color: colour("grid"), width: 1 } }));
  const few = study.trials.length < 12 ? { dtick: 1 } : {};
  const note = "line: best so far; circles: trials" + (failed.length ? "; crosses: diverged" : "") + (isNarrow(element) ? "" : "; rules: rounds");
  show(element, traces, layoutOf(axis("Trial", Object.assign({ showgrid: false }, few)), axis("Validation accuracy (%)"), {
    shapes: shapes, margin: { l: 52, r: 16, t: 34, b: 48 },
    annotations: [{ text: note, xref: "paper", yref: "paper", x: 0, y: 1, yanchor: "bottom", xanchor: "left", showarrow: false, yshift: 8, font: { size: 12, color: colour("quiet") } }],
  }));
}

function slicesPlot(element, study) {
  const wide = element.clientWidth, columns = wide < 420 ? 2 : wide < 760 ? 3 : 5;
  const rows = Math.max(1, Math.ceil(study.slices.length / columns));
  const height = 14 + 165 * rows;
  element.style.minHeight = height + "px";
  const traces = [], layout = layoutOf(undefined, undefined, { height: height, margin: { l: 46, r: 12, t: 10, b: 4 } });
  delete layout.xaxis;
  delete layout.yaxis;
  const seen = study.values.filter((value) => value !== null);
  const pad = 0.08 * (Math.max(...seen) - Math.min(...seen) || 1);
  study.slices.forEach((slice, i) => {
    const id = i ? String(i + 1) : "", column = i % columns, row = Math.floor(i / columns);
    const gap = wide < 420 ? 0.1 : 0.035, width = (1 - gap * (columns - 1)) / columns, tall = 1 / rows;
    const left = column * (width + gap), top = 1 - row * tall;
    layout["xaxis" + id] = axis(slice.name.replaceAll("_", " "), { domain: [left, left + width], anchor: "y" + id, type: slice.log ? "log" : "linear", nticks: 4, exponentformat: "e", minexponent: 5, automargin: false, showgrid: false, tickangle: 0, tickfont: { size: 11, color: colour("ink") } });
    layout["xaxis" + id].title = { text: slice.name.replaceAll("_", " "), font: { size: 12 }, standoff: 4 };
    if (slice.log) Object.assign(layout["xaxis" + id], { tickmode: "array" }, logTicks(slice.values));
    layout["yaxis" + id] = axis("", { domain: [top - tall + 58 / (height - 14), top], anchor: "x" + id, nticks: 4, automargin: false, showticklabels: column === 0, range: [Math.min(...seen) - pad, Math.max(...seen) + pad], tickfont: { size: 11, color: colour("ink") } });
    traces.push({
      x: slice.values, y: study.values, xaxis: "x" + id, yaxis: "y" + id, mode: "markers", text: study.trials,
      marker: { size: 6, color: study.trials.map((trial) => (trial === study.best ? colour("depth2") : colour("depth1"))), symbol: study.trials.map((trial) => (trial === study.best ? "diamond" : "circle")), opacity: 0.75 },
      hovertemplate: slice.name + " %{x}: %{y:.2f} %, trial %{text}<extra></extra>",
    });
  });
  show(element, traces, layout);
}

// Two or three round numbers within the values of a log axis.
function logTicks(values) {
  const known = values.filter((value) => value > 0), low = Math.min(...known), high = Math.max(...known);
  const round = (value) => Number(value.toPrecision(2));
  const ticks = [...new Set([round(low), round(Math.sqrt(low * high)), round(high)])];
  return { tickvals: ticks, ticktext: ticks.map(String) };
}

const STUDY_PLOTS = { curves: curvesPlot, search: searchPlot, slices: slicesPlot };

function drawStudy(details) {
  const study = DATA.studies[details.dataset.study];
  if (!study.values.some((value) => value !== null)) {
    details.querySelectorAll(".plot").forEach((element) => empty(element, "Nothing to draw: every trial so far diverged."));
    return;
  }
  details.querySelectorAll(".plot").forEach((element) => STUDY_PLOTS[element.dataset.kind](element, study));
}
