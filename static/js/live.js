// What changes by itself: fetches its own page every few seconds and takes over the parts marked data-live="seconds"
// for as long as something in them is in progress. Without this file, reloading the page shows the same.

async function refresh(seconds) {
  try {
    const response = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    if (response.ok) {
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      if (fresh.querySelector("[data-live] progress") === null) {
        // Done: the forms around it have changed too.
        window.location.reload();
        return;
      }
      const others = [...fresh.querySelectorAll("[data-live]")];
      document.querySelectorAll("[data-live]").forEach((part, index) => {
        if (others[index] && part.innerHTML !== others[index].innerHTML) {
          part.replaceChildren(...others[index].childNodes);
        }
      });
    }
  } catch {
    // The network is away: the next look comes anyway.
  }
  window.setTimeout(() => refresh(seconds), seconds * 1000);
}

const live = document.querySelector("[data-live]");
if (live && live.querySelector("progress")) {
  const seconds = Number(live.dataset.live) || 5;
  window.setTimeout(() => refresh(seconds), seconds * 1000);
}
