// Rows of a list in a form: one more, or a new one taken out again, without sending the form. The buttons work without
// this file too: they send the form, which comes back with one more row.

function total(part) {
  return document.querySelector(`input[name="${part}-TOTAL_FORMS"]`);
}

function addRow(part) {
  const list = document.querySelector(`[data-rows="${part}"]`);
  const count = total(part);
  const blank = list.querySelector("template[data-blank]");
  const row = blank.content.firstElementChild.cloneNode(true);
  for (const element of row.querySelectorAll("[name], [id], [for]")) {
    for (const name of ["name", "id", "for"]) {
      if (element.hasAttribute(name)) {
        element.setAttribute(name, element.getAttribute(name).replace("__prefix__", count.value));
      }
    }
  }
  count.value = String(Number(count.value) + 1);
  list.insertBefore(row, blank);
  row.querySelector("select, input:not([type=hidden])").focus();
}

function dim(row) {
  const out = row.querySelector('input[name$="-DELETE"]');
  row.classList.toggle("id-row-out", Boolean(out && out.checked));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-add-row]");
  if (button) {
    event.preventDefault();
    addRow(button.dataset.addRow);
  }
});

document.addEventListener("change", (event) => {
  const row = event.target.closest("[data-row]");
  if (row) {
    dim(row);
  }
});

for (const row of document.querySelectorAll("[data-row]")) {
  dim(row);
}

// Enter in a field saves the form: without this, the browser would press its first button, which adds a row.
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key === "Enter" && field.matches("[data-row] input, .form-row input") && field.form) {
    const save = field.form.querySelector('[type="submit"].default, [type="submit"][name="_save"]');
    if (save) {
      event.preventDefault();
      save.click();
    }
  }
});
