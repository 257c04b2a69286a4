// The whole of a number that is shown hidden: asked for when the button is pressed, and hidden again after a minute.
// Without this file the button opens it on a page of its own.

const SECONDS = 60;
const hiding = new WeakMap();

function place(button) {
  return button.parentElement.querySelector("[data-value]");
}

function hide(button) {
  const value = place(button);
  clearTimeout(hiding.get(button));
  value.textContent = value.dataset.masked;
  button.textContent = button.dataset.showLabel;
  delete button.dataset.shown;
}

async function show(button) {
  const form = document.getElementById(button.getAttribute("form"));
  const body = new FormData(form);
  body.append(button.name, button.value);
  const answer = await fetch(form.action, {
    method: "POST",
    body,
    headers: { Accept: "application/json" },
    credentials: "same-origin",
  });
  if (!answer.ok) {
    form.requestSubmit(button);
    return;
  }
  const value = place(button);
  value.dataset.masked = value.textContent;
  value.textContent = (await answer.json()).value;
  button.dataset.showLabel = button.textContent;
  button.textContent = button.dataset.hideLabel;
  button.dataset.shown = "";
  hiding.set(button, setTimeout(() => hide(button), SECONDS * 1000));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-reveal]");
  if (!button) {
    return;
  }
  event.preventDefault();
  if (button.dataset.shown === undefined) {
    show(button);
  } else {
    hide(button);
  }
});
