// What the theme leaves to a screen reader and to a keyboard: its scripts make these elements.
(() => {
  const mend = () => {
    // A wide table scrolls inside its frame: let arrow keys do that, too.
    for (const frame of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])"))
      frame.tabIndex = 0;
    // The buttons of a block of code are no landmark.
    for (const buttons of document.querySelectorAll(".md-code__nav:not([role])"))
      buttons.setAttribute("role", "none");
  };
  document.querySelector("nav.md-path")?.setAttribute("aria-label", "Where this page belongs");
  // A part of the navigation that has a page of its own is labelled by an arrow without a text.
  for (const part of document.querySelectorAll("nav nav[aria-labelledby]"))
    if (!document.getElementById(part.getAttribute("aria-labelledby"))?.textContent.trim()) {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", part.querySelector(".md-nav__title").textContent.trim());
    }
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  mend();
})();
