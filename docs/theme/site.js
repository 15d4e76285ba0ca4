// Light or dark, the list of pages, and the search: all that the pages ask of a script.
"use strict";
(() => {
  const root = document.documentElement;
  document.getElementById("light").onclick = () => {
    const isDark = getComputedStyle(root).colorScheme === "dark"
      || (!root.dataset.light && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.light = isDark ? "light" : "dark";
    localStorage.setItem("wengert-light", root.dataset.light);
  };

  const pages = document.querySelector("nav details");
  const wide = matchMedia("(min-width: 761px)");
  const show = () => { pages.open = wide.matches; };
  wide.addEventListener("change", show);
  show();

  // The index is fetched when somebody first searches.
  const base = document.body.dataset.base;
  const input = document.getElementById("search");
  const found = document.getElementById("found");
  let index = null;
  const read = async () => {
    const answer = await fetch(`${base}/search/search_index.json`);
    return (await answer.json()).docs.map((part) => ({
      ...part, plain: part.text.replace(/<[^>]*>/g, " "),
    }));
  };
  const score = (part, words) => {
    const [title, text] = [part.title.toLowerCase(), part.plain.toLowerCase()];
    let total = 0;
    for (const word of words) {
      const here = (title.includes(word) ? 20 : 0) + Math.min(text.split(word).length - 1, 9);
      if (!here) return 0;
      total += here;
    }
    return total;
  };
  const search = async () => {
    index ??= read();
    const parts = await index;
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const best = words.length
      ? parts.map((part) => [score(part, words), part]).filter(([s]) => s)
        .sort(([a], [b]) => b - a).slice(0, 12)
      : [];
    found.replaceChildren(...best.map(([, part]) => {
      const link = document.createElement("a");
      link.href = `${base}/${part.location}`;
      const at = Math.max(0, part.plain.toLowerCase().indexOf(words[0]) - 40);
      const words_around = document.createElement("small");
      words_around.textContent = part.plain.slice(at, at + 120).trim();
      link.append(part.title, words_around);
      return link;
    }));
    if (words.length && !best.length) found.textContent = "nothing found";
    found.hidden = !words.length;
  };
  input.addEventListener("input", search);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { input.value = ""; search(); }
    if (event.key === "/" && document.activeElement === document.body) {
      event.preventDefault();
      input.focus();
    }
  });
})();
