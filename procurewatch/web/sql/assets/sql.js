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
  for (const menu of document.querySelectorAll("details.actions-menu-links[open]")) {
    if (menu !== within) menu.open = false;
  }
});

// Said of forty columns it would push the rows off the screen.
for (const meanings of document.querySelectorAll("dl.column-descriptions")) {
  const folded = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "What the columns mean";
  meanings.replaceWith(folded);
  folded.append(summary, meanings);
}
