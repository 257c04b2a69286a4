// The button that lets this browser be told, or not any more. Without support for it the area stays hidden.

const area = document.querySelector("[data-push]");

function bytes(text) {
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4);
  return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
}

async function tell(subscription, wanted) {
  const keys = subscription.toJSON().keys;
  const body = new FormData(area.querySelector("form"));
  body.set("wanted", wanted ? "yes" : "no");
  body.set("address", subscription.endpoint);
  body.set("p256dh", keys.p256dh);
  body.set("auth", keys.auth);
  const answer = await fetch(area.dataset.push, { method: "POST", body });
  // Already forgotten there is forgotten too.
  return answer.ok || (!wanted && answer.status === 404);
}

async function start() {
  const button = area.querySelector("button");
  const state = area.querySelector("[data-push-state]");
  const worker = await navigator.serviceWorker.register(area.dataset.pushWorker);
  let subscription = await worker.pushManager.getSubscription();

  function show(problem) {
    button.textContent = subscription ? area.dataset.pushStop : area.dataset.pushStart;
    state.textContent = problem ?? (subscription ? area.dataset.pushOn : area.dataset.pushOff);
  }

  button.addEventListener("click", async (event) => {
    event.preventDefault();
    button.disabled = true;
    let problem;
    try {
      if (subscription) {
        await tell(subscription, false);
        await subscription.unsubscribe();
        subscription = null;
      } else {
        const made = await worker.pushManager.subscribe({
          userVisibleOnly: true,
          applicationServerKey: bytes(area.dataset.pushKey),
        });
        if (await tell(made, true)) {
          subscription = made;
        } else {
          await made.unsubscribe();
          problem = area.dataset.pushProblem;
        }
      }
    } catch {
      // The person said no to the browser's question, or the browser cannot reach its push service.
      problem = area.dataset.pushProblem;
    }
    show(problem);
    button.disabled = false;
  });
  show();
  area.hidden = false;
}

if (area && "serviceWorker" in navigator && "PushManager" in window) {
  start();
}
