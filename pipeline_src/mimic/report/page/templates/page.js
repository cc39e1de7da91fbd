// What the page does: draws, sorts, follows the colour scheme.
const OPEN = () => [...document.querySelectorAll("details.study[open]")];

function drawAll() {
  figure1();
  figure2();
  ensemblePlot();
  costPlot();
  gridPlots();
  winPlots();
  OPEN().forEach(drawStudy);
}

function sortBy(table, column, header) {
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  table.querySelectorAll("th[aria-sort]").forEach((other) => other.setAttribute("aria-sort", "none"));
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const key = (row) => {
    const cell = row.cells[column], value = cell.dataset.value;
    return value === undefined ? cell.textContent.trim() : value === "" ? null : Number(value);
  };
  const compare = (a, b) => {
    const left = key(a), right = key(b);
    // what is empty stands last either way
    if (left === null || right === null) return (left === null) - (right === null);
    const order = typeof left === "number" ? left - right : left.localeCompare(right, "en", { numeric: true });
    return ascending ? order : -order;
  };
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort(compare));
}

document.querySelectorAll("table.sortable").forEach((table) => {
  const headers = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  headers.forEach((header, column) => {
    const button = header.querySelector("button");
    if (button) button.addEventListener("click", () => sortBy(table, column, header));
  });
});

document.querySelectorAll("input.overlay").forEach((input) => {
  input.addEventListener("change", () => {
    const figure = input.dataset.figure;
    OVERLAID[figure] = input.checked;
    input.closest("figure").querySelectorAll(".overlay-note").forEach((note) => (note.hidden = !input.checked));
    figure === "figure1" ? figure1() : figure2();
  });
});

document.querySelectorAll("details.study").forEach((details) => {
  details.addEventListener("toggle", () => details.open && drawStudy(details));
});

// A study that the address asks for is opened, before and after the page is there.
function openAsked() {
  const asked = [...document.querySelectorAll("details.study")].find((details) => "#" + details.id === location.hash);
  if (!asked) return;
  asked.open = true;
  asked.scrollIntoView();
}
addEventListener("hashchange", openAsked);

// Regions that do not scroll need no stop of the tab key.
function markRegions() {
  document.querySelectorAll(".scroll").forEach((region) => {
    region.scrollWidth > region.clientWidth + 1 ? region.setAttribute("tabindex", "0") : region.removeAttribute("tabindex");
  });
}

legend("figure1", figure1);
legend("figure2", figure2);
gridLegend();
openAsked();
drawAll();
markRegions();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
matchMedia("print").addEventListener("change", drawAll);
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  drawAll();
  markRegions();
});
document.querySelectorAll("details").forEach((details) => details.addEventListener("toggle", markRegions));
document.documentElement.dataset.drawn = "true";
