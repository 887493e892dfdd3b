// Puts the keyboard where a page's next step begins, once that is there. Nobody who types is interrupted.
(async (selector) => {
  const began = document.activeElement;
  for (let tries = 0; tries < 60; tries += 1) {
    const target = document.querySelector(selector);
    const now = document.activeElement;
    if (target && target.getClientRects().length) {
      const isTyping = now !== began && now instanceof HTMLElement && now.matches("input, textarea");
      if (isTyping || target.contains(now)) return;
      if (target.tabIndex < 0) target.setAttribute("tabindex", "-1");
      target.focus({ preventScroll: false });
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
})(SELECTOR);
