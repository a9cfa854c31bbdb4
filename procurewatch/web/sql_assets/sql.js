// What Datasette's own script for tables wants to know before it runs.
window.DATASETTE_ALLOW_FACET = true;

// A menu closes when something else is clicked.
document.addEventListener("click", (event) => {
  const within = event.target.closest("details");
  for (const menu of document.querySelectorAll("details[open]")) {
    if (menu !== within) menu.open = false;
  }
});
