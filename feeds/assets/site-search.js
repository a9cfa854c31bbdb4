// The search of a site of files: Pagefind's interface, with the words of the address (search.html?q=...).
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("site-search");
  if (!window.PagefindUI || location.protocol === "file:") return;
  place.textContent = "";
  const search = new PagefindUI({
    element: place,
    showImages: false,
    showSubResults: false,
    showEmptyFilters: false,
    pageSize: 20,
    autofocus: true,
    translations: { placeholder: "Company, product, PIID…" },
  });
  const words = new URLSearchParams(location.search).get("q");
  if (words) search.triggerSearch(words);
});
