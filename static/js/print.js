// A button that prints the page. Without this file the browser's own menu does it, so the button is hidden until now.

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
