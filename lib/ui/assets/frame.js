// What Streamlit leaves out of the frame: a click on the page one is on starts it afresh, Escape closes a drawer
// wherever the keyboard is, an open list of choices stays open unless a person scrolls, the menu's sections are lists
// for those who cannot see them, and tables and charts follow the theme: they are painted in the tones of the one in
// which they were drawn.
(() => {
  if (window.onfileFrame) return;
  window.onfileFrame = true;

  // Pages press buttons by themselves; while a page is drawn, or just after a person did something, that would end
  // the run of their click.
  let touched;
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, () => { touched = performance.now(); }, true);
  }
  window.onfileIsDrawn = () =>
    document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning";
  window.onfileIsQuiet = () => window.onfileIsDrawn() && !(performance.now() - touched < 1500);

  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("[data-testid=stSidebarNavLink][aria-current=page]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    // Streamlit would run the page once more with everything that was chosen and typed in it.
    event.preventDefault();
    event.stopPropagation();
    location.assign(link.href);
  }, true);

  // An open drawer hears Escape once it has the focus, which a busy machine gives it late.
  document.addEventListener("keydown", (event) => {
    const dialog = event.key === "Escape" && document.querySelector("[role=dialog]");
    if (dialog && !dialog.contains(event.target)) dialog.querySelector("button[aria-label=Close]")?.click();
  }, true);

  // Streamlit closes an open list of choices as soon as what its field stands in is scrolled by a pixel. The browser
  // scrolls by itself, too: to a field that the keyboard has reached, and while a section opens or what stands above
  // grows. That is no reason to take a list away from whoever is choosing.
  const HAND_MS = 1000;
  let turned = -HAND_MS, held;
  for (const kind of ["wheel", "touchmove"]) {
    document.addEventListener(kind, () => { turned = performance.now(); }, { capture: true, passive: true });
  }
  // A scroll bar belongs to the element that it moves.
  document.addEventListener("pointerdown", (event) => { held = event.target; }, true);
  document.addEventListener("pointerup", () => { held = null; }, true);
  window.addEventListener("scroll", (event) => {
    const field = document.querySelector("[role=combobox][aria-expanded=true]");
    const moved = event.target;
    if (!field || !(moved instanceof Node && moved.contains(field))) return;
    if (moved === held || performance.now() - turned < HAND_MS) return;
    event.stopImmediatePropagation();
    // The list follows its field all the same.
    window.dispatchEvent(new Event("resize"));
  }, true);

  // Streamlit puts sections between the list and its items, where a list may have nothing but items.
  const nameLists = () => {
    for (const menu of document.querySelectorAll("[data-testid=stSidebarNavItems]:not([role])")) {
      menu.setAttribute("role", "none");
    }
    for (const item of document.querySelectorAll("[data-testid=stSidebarNavItems] > li:not([role])")) {
      item.setAttribute("role", "none");
    }
    for (const section of document.querySelectorAll("[data-testid=stSidebarNavItems] > div:not([role])")) {
      const heading = section.querySelector("[data-testid=stNavSectionHeader]");
      section.setAttribute("role", "list");
      section.setAttribute("aria-label", heading?.querySelector("p")?.textContent ?? "");
      heading?.setAttribute("role", "none");
    }
  };
  // A page that was opened by its address may stand where the menu has to be scrolled to.
  let current;
  const showCurrent = () => {
    const link = document.querySelector("[data-testid=stSidebarNavLink][aria-current=page]");
    if (!link || link.href === current) return;
    current = link.href;
    // Not `scrollIntoView`, which changes where Tab begins.
    const menu = link.closest("[data-testid=stSidebarContent]");
    if (!menu) return;
    const [seen, shown] = [menu.getBoundingClientRect(), link.getBoundingClientRect()];
    const below = parseFloat(getComputedStyle(link).scrollMarginBottom) || 0;
    menu.scrollTop += Math.max(0, shown.bottom + below - seen.bottom) - Math.max(0, seen.top - shown.top);
  };

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const named = () => dark.matches ? "dark" : "light";
  let drawnIn = named(), waiting;
  const follow = () => {
    if (drawnIn === named()) return;
    const app = document.querySelector("[data-testid=stApp]");
    const button = document.querySelector(".st-key-notice_theme button");
    const isShown = app && getComputedStyle(app).colorScheme === named();
    // A run of the page takes an open drawer away, with all that was typed there.
    if (button && window.onfileIsQuiet() && isShown && !document.querySelector("[role=dialog]")) {
      drawnIn = named();
      button.click();
    } else waiting = setTimeout(follow, 300);
  };
  dark.addEventListener("change", () => {
    clearTimeout(waiting);
    waiting = setTimeout(follow, 100);
  });
  const follows = () => { nameLists(); showCurrent(); };
  follows();
  new MutationObserver(follows).observe(document.body, { childList: true, subtree: true });
})();
