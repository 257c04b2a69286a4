// A page about work that is under way looks again by itself, while somebody looks at it.

const area = document.querySelector("[data-reload]");

if (area) {
  window.setInterval(() => {
    if (document.visibilityState === "visible") {
      window.location.reload();
    }
  }, Number(area.dataset.reload) * 1000);
}
