// Streamlit opens a row by the box at its left alone. A click on any of its cells, and Enter on the cell
// that the arrow keys have reached, are passed on to that box.
(() => {
  if (window.onfileRowsOpen) return;
  window.onfileRowsOpen = true;
  const BOX = 16;
  const BOXES = 34;
  const HEADING = 33;

  const gridOf = (element) => {
    const frame = element instanceof Element && element.closest("[data-testid=stDataFrame]");
    const canvas = frame && frame.querySelector("canvas[data-testid=data-grid-canvas]");
    // Where rows can be chosen, the boxes are the first column, which has no cells to read.
    return canvas && !canvas.querySelector("[id^=glide-cell-0-]") ? { frame, canvas } : null;
  };

  const choose = (canvas, y) => {
    const left = canvas.getBoundingClientRect().left;
    const at = { clientX: left + BOX, clientY: y, bubbles: true, composed: true, cancelable: true, view: window };
    const pointer = { ...at, pointerId: 1, pointerType: "mouse", isPrimary: true };
    canvas.dispatchEvent(new PointerEvent("pointermove", pointer));
    canvas.dispatchEvent(new MouseEvent("mousemove", at));
    canvas.dispatchEvent(new PointerEvent("pointerdown", { ...pointer, buttons: 1 }));
    canvas.dispatchEvent(new MouseEvent("mousedown", { ...at, buttons: 1 }));
    canvas.dispatchEvent(new PointerEvent("pointerup", pointer));
    canvas.dispatchEvent(new MouseEvent("mouseup", at));
    canvas.dispatchEvent(new MouseEvent("click", at));
  };

  document.addEventListener("click", (event) => {
    const grid = event.isTrusted && gridOf(event.target);
    if (!grid) return;
    const box = grid.canvas.getBoundingClientRect();
    if (event.clientX - box.left < BOXES || event.clientY - box.top < HEADING) return;
    // After the table has done with the click itself.
    setTimeout(() => choose(grid.canvas, event.clientY), 0);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (!event.isTrusted || event.key !== "Enter") return;
    const cell = /^glide-cell-\d+-(\d+)$/.exec(document.activeElement?.id ?? "");
    const grid = cell && gridOf(document.activeElement);
    if (!grid) return;
    const rows = Number(grid.canvas.querySelector("table").getAttribute("aria-rowcount")) - 1;
    const heights = [...grid.frame.querySelectorAll(".dvn-stack > div")].map((one) => one.offsetHeight);
    const height = (Math.max(...heights) - HEADING) / rows;
    const top = grid.canvas.getBoundingClientRect().top + HEADING;
    const scrolled = grid.frame.querySelector(".dvn-scroller")?.scrollTop ?? 0;
    event.preventDefault();
    choose(grid.canvas, top + (Number(cell[1]) + 0.5) * height - scrolled);
  }, true);
})();
