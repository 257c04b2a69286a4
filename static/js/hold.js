// A time is kept while this page is open. When the page goes away without booking, the time is given back at once;
// without this file it ends by itself.

const form = document.querySelector("[data-hold]");
let sending = false;

form.addEventListener("submit", () => {
  sending = true;
});

window.addEventListener("pagehide", () => {
  if (!sending) {
    const body = new FormData();
    body.append("csrfmiddlewaretoken", form.elements.namedItem("csrfmiddlewaretoken").value);
    navigator.sendBeacon(form.dataset.hold, body);
  }
});

// Back from the next page out of the browser's memory: the time was given back, so ask for it again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload();
  }
});
