// What Datasette's own script for tables wants to know before it runs.
window.DATASETTE_ALLOW_FACET = true;

// Datasette's filters have no labels; a screen reader is to say what each field is for.
const LABELS = [["_filter_column", "Column"], ["_filter_op", "Comparison"], ["_filter_value", "Value"], ["_sort", "Sort by"]];
for (const [name, label] of LABELS) {
  for (const field of document.querySelectorAll(`form [name^="${name}"]:not([type=hidden]):not([aria-label])`)) {
    if (!field.labels.length) field.setAttribute("aria-label", label);
  }
}

// A menu closes when something else is clicked.
document.addEventListener("click", (event) => {
  const within = event.target.closest("details");
  for (const menu of document.querySelectorAll("details[open]")) {
    if (menu !== within) menu.open = false;
  }
});
