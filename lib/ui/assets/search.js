// The search, by keyboard: “/” opens it on every page, the arrow keys go through what it found, and Enter
// opens it: the first of them from the field, once it is of the text that stands there.
(() => {
  if (window.onfileSearch) return;
  window.onfileSearch = true;
  const FOR = 20000;
  const STEP = 50;

  const button = () => document.querySelector(".st-key-search_open button");
  const field = () => document.querySelector("[role=dialog] .st-key-search_text input");
  const results = () => [...document.querySelectorAll("[role=dialog] .st-key-search_hits a")].filter(
    (one) => !one.closest("[class*=st-key-search_kind]"),
  );
  const isTyping = (element) =>
    element?.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element?.tagName ?? "");

  // Streamlit tells nobody when it has drawn: looked for until it is there, or for twenty seconds.
  const when = (find, act) => {
    const until = Date.now() + FOR;
    const look = () => {
      const one = find();
      if (one) act(one);
      else if (Date.now() < until) setTimeout(look, STEP);
    };
    look();
  };

  const shown = () => document.querySelector("[role=dialog] [data-search-text]")?.dataset.searchText;

  // What is typed after “/” until the field is there; Streamlit takes some of these letters as commands of its own.
  let early = null;
  let giveUp;
  const type = (one) => {
    one.focus();
    const text = early;
    early = null;
    if (!text) return;
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(one, one.value + text);
    one.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const keep = (event) => {
    if (event.key === "Escape" || isTyping(event.target)) {
      early = null;
    } else if (event.key.length === 1 || event.key === "Backspace") {
      event.preventDefault();
      event.stopPropagation();
      early = event.key === "Backspace" ? early.slice(0, -1) : early + event.key;
    }
  };

  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest(".st-key-search_open button"))
      when(field, type);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const input = field();
    if (early !== null && input) type(input);
    if (early !== null) {
      keep(event);
      return;
    }
    if (event.key === "/" && !isTyping(event.target) && !document.querySelector("[role=dialog]")) {
      event.preventDefault();
      early = "";
      clearTimeout(giveUp);
      giveUp = setTimeout(() => { early = null; }, FOR);
      // Whoever is fast presses it before the button is drawn.
      when(button, (one) => one.click());
      return;
    }
    if (!input || !input.closest("[role=dialog]").contains(event.target)) return;
    const links = results();
    const at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const next = event.key === "ArrowDown" ? at + 1 : at - 1;
      if (event.target !== input && at < 0) return;
      event.preventDefault();
      (next < 0 ? input : links[Math.min(next, links.length - 1)] ?? input).focus();
    } else if (event.key === "Enter" && event.target === input) {
      const text = input.value;
      // While Streamlit still draws, a row may be of the text before and gone in a moment.
      when(() => input.value === text && shown() === text.trim() && window.onfileIsDrawn() && results()[0], (first) => first.click());
    }
  }, true);
})();
