"use strict";
(() => {
  const BATCH = 200;
  const all = document.getElementById("all");
  const found = document.getElementById("found");
  const form = document.getElementById("filter");
  const said = document.getElementById("said");
  const more = document.getElementById("more");
  if (!form) return;
  const { words, place, operation, order } = form.elements;

  // Videos show their first picture once they are in view; sound waits for its button.
  const seen = new IntersectionObserver((entries) => {
    for (const each of entries) {
      if (!each.isIntersecting) continue;
      each.target.preload = "metadata";
      seen.unobserve(each.target);
    }
  });
  for (const each of document.querySelectorAll("video")) seen.observe(each);

  // The text of each row, lower case; read once, before the first search.
  let index = null;
  const read = () => {
    index ??= Array.from(all.querySelectorAll("tbody > tr"), (row) => ({
      row,
      text: row.textContent.toLowerCase(),
    }));
    return index;
  };
  (window.requestIdleCallback ?? setTimeout)(read);

  const cell = (each, number) => each.row.cells[number].textContent;
  const number = (each, column) => {
    const text = cell(each, column);
    return text === "" ? Infinity : Number(text.replaceAll(",", ""));
  };
  const compared = new Intl.Collator(undefined, { numeric: true }).compare;
  const sorted = (rows, [column, way]) => {
    const backwards = way === "down" ? -1 : 1;
    const text = column === "1" || column === "2";
    const keyed = rows.map((each) => [text ? cell(each, column) : number(each, column), each]);
    keyed.sort(([one], [other]) => {
      if (text) return backwards * compared(one, other);
      if (one === other) return 0;
      if (one === Infinity || other === Infinity) return one - other; // what is unknown comes last
      return backwards * (one - other);
    });
    return keyed.map(([, each]) => each);
  };

  let rows = [];
  let shown = 0;
  const showMore = () => {
    const part = document.createElement("div");
    const table = all.querySelector("table").cloneNode(false);
    table.append(all.querySelector("colgroup").cloneNode(true), all.querySelector("thead").cloneNode(true));
    const body = table.createTBody();
    for (const { row } of rows.slice(shown, shown + BATCH)) {
      const copy = row.cloneNode(true);
      copy.removeAttribute("id");
      body.append(copy);
    }
    shown = Math.min(shown + BATCH, rows.length);
    part.append(table);
    found.insertBefore(part, more);
    more.hidden = shown >= rows.length;
  };
  const atEnd = new IntersectionObserver((entries) => {
    if (entries.some((each) => each.isIntersecting) && !more.hidden) showMore();
  });

  const update = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = wanted.length || place.value || operation.value || order.value;
    all.hidden = Boolean(active);
    found.hidden = !active;
    for (const each of found.querySelectorAll(":scope > div")) each.remove();
    if (!active) {
      said.textContent = "";
      return;
    }
    rows = read().filter(
      ({ row, text }) =>
        (!place.value || row.className === place.value) &&
        (!operation.value || row.cells[2].textContent === operation.value) &&
        wanted.every((word) => text.includes(word)),
    );
    if (order.value) rows = sorted(rows, order.value.split(" "));
    shown = 0;
    said.textContent = `${rows.length.toLocaleString("en")} of ${index.length.toLocaleString("en")} rows`;
    if (rows.length) showMore();
    else more.hidden = true;
  };

  form.hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(update));
  more.addEventListener("click", showMore);
  atEnd.observe(more);
  // A link to a row leads to it, also while only some rows are shown.
  window.addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !all.hidden || !all.contains(target)) return;
    form.reset();
    setTimeout(() => target.scrollIntoView({ block: "center" }));
  });
  update(); // a browser may have kept what stood in the form
})();
