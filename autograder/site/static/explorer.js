// The explorer: retrieve, exclude, rank. Data by autograder/site/explorer.py; the page holds it as JSON.
(() => {
  const root = document.getElementById("explorer");
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const floats = text => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
  const users = floats(data.user_vectors), films = floats(data.title_vectors);
  const size = users.length / data.users.length;

  // Films by falling score; equal ones stay in their order.
  const sorted = (list, score) => [...list].sort((a, b) => score(b) - score(a));

  function explore(user, k) {
    const scores = data.titles.map((_, film) => {
      let sum = 0;
      for (let i = 0; i < size; i++) sum += users[user * size + i] * films[film * size + i];
      return sum;
    });
    const all = sorted(scores.keys(), film => scores[film]);
    const seen = new Set(data.seen[user]);
    const unseen = all.filter(film => !seen.has(film));
    const candidates = unseen.slice(0, k);
    const shown = sorted(candidates, film => data.rating[film]).slice(0, data.shown);
    return { scores, all, seen, unseen, candidates, shown };
  }

  function element(tag, parent, text, attributes = {}) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return parent.appendChild(made);
  }

  const controls = element("p", root);
  const who = element("select", element("label", controls, "User "));
  data.users.forEach((name, user) => element("option", who, name, { value: user }));
  who.value = data.users.indexOf(data.user);
  const most = data.candidates.most;
  const slider = element("input", element("label", controls, "k "), undefined,
    { type: "range", min: 1, max: most, value: data.candidates.start });
  const number = element("output", controls);
  const verdict = element("p", root, undefined, { "aria-live": "polite" });
  const columns = element("div", root, undefined, { class: "columns" });

  function column(title, says, heads, rows) {
    const part = element("section", columns, undefined, { "aria-label": title });
    element("h2", part, title);
    element("p", part, says);
    const box = element("div", part, undefined, { class: "scroll", tabindex: 0, role: "group", "aria-label": `${title}: table` });
    const table = element("table", box);
    const head = element("tr", element("thead", table));
    heads.forEach(name => element("th", head, name, { scope: "col" }));
    const body = element("tbody", table);
    for (const { cells, mark } of rows) {
      const row = element("tr", body, undefined, mark ? { class: mark } : {});
      cells.forEach((cell, i) => {
        const made = element("td", row, cell);
        if (i === 1 && mark) element("b", made, ` ${mark}`);
      });
    }
  }

  function show() {
    const user = Number(who.value), k = Number(slider.value);
    const { scores, all, seen, unseen, candidates, shown } = explore(user, k);
    const kept = new Set(data.kept[user]);
    const before = new Map(all.map((film, i) => [film, i + 1])), after = new Map(unseen.map((film, i) => [film, i + 1]));
    const mark = film => seen.has(film) ? "seen" : kept.has(film) ? "kept" : "";
    const row = (film, ...cells) => ({ cells: [cells[0], data.titles[film], ...cells.slice(1)], mark: mark(film) });
    number.textContent = `${k} of ${data.titles.length} films`;
    const last = candidates.length ? before.get(candidates.at(-1)) : 0;
    const above = all.slice(0, last).filter(film => seen.has(film)).length;
    const climbs = data.kept[user].filter(film => after.get(film) <= k).sort((a, b) => after.get(a) - after.get(b))
      .map(film => `${data.titles[film]} ${before.get(film)} → ${after.get(film)}`);
    verdict.textContent = `${above} of the ${last} best films have been seen. Of ${kept.size} kept, ` +
      (climbs.length ? `${climbs.length} among the candidates: ${climbs.join("; ")}.` : "none is among the candidates.");
    columns.replaceChildren();
    column("1 Retrieve", `The best of ${data.titles.length} films, down to the last candidate.`, ["rank", "film", "score"],
      all.slice(0, last).map(film => row(film, before.get(film), scores[film].toFixed(2))));
    column("2 Exclude", `The seen ones leave: ${candidates.length} candidates.`, ["rank", "film", "was"],
      candidates.map(film => row(film, after.get(film), before.get(film))));
    column("3 Rank", `The ${shown.length} with the highest predicted rating.`, ["place", "film", "stars"],
      shown.map((film, i) => row(film, i + 1, data.rating[film].toFixed(2))));
  }

  who.addEventListener("change", show);
  slider.addEventListener("input", show);
  show();
})();
