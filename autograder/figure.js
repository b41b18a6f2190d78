// Draws a movable figure (figure.py) in place of its still image, wherever scripts run. No library, no network.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const BLUE = "#3b82c4", RED = "#d1495b", GREY = "#8a8a8a";
  const text3 = x => x.toFixed(3).replace(/^(-?)0\./, "$1.");
  const thousands = x => Math.round(x).toLocaleString("en");

  function make(parent, tag, attributes = {}, text) {
    const made = document.createElementNS(tag === "svg" ? SVG : parent.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return parent.appendChild(made);
  }

  // A figure's parts: controls that call `draw`, a drawing of width 480, and a sentence that a screen reader hears.
  function stage(figure, alt, height) {
    const controls = make(figure, "div", { style: "display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;align-items:center" });
    const svg = make(figure, "svg", {
      viewBox: `0 0 480 ${height}`, role: "img", "aria-label": alt, fill: "currentColor", "font-size": 13,
      style: "display:block;width:100%;max-width:44rem;font-family:sans-serif;touch-action:pan-y",
    });
    const hatch = make(make(svg, "defs"), "pattern", { id: "hatch", width: 4, height: 4, patternUnits: "userSpaceOnUse" });
    make(hatch, "path", { d: "M0 4L4 0", stroke: "currentColor", "stroke-width": 0.8 });
    const layer = make(svg, "g"), said = make(figure, "output", { style: "display:block;min-height:3em" });
    const stage = { svg, draw: () => {} };
    stage.add = (tag, attributes, text) => make(layer, tag, attributes, text);
    stage.say = text => { said.textContent = text; };
    stage.redraw = () => { layer.replaceChildren(); stage.draw(); };
    stage.control = (words, type, attributes) => {
      const label = make(controls, "label", { style: "max-width:100%" });
      // JupyterLab would take arrow keys for itself, but for the first attribute.
      const input = make(label, "input", { "data-lm-suppress-shortcuts": "true", type, style: `vertical-align:middle;margin:0 .4em;${type === "range" ? "width:11rem" : ""}`, ...attributes });
      label[type === "range" ? "prepend" : "append"](words);
      input.addEventListener("input", stage.redraw);
      return input;
    };
    return stage;
  }

  const line = (points, attributes) => ["polyline", { points: points.join(" "), fill: "none", stroke: "currentColor", ...attributes }];

  const kinds = {
    // All films, k candidates, ten shown; below, the ceiling over k.
    funnel(stage, { k, recall, perfect, ms }) {
      const films = k.at(-1), slider = stage.control("k", "range", { min: 0, max: k.length - 1, value: k.findIndex(n => n >= 100) });
      const wide = n => 40 + 400 * Math.log(n) / Math.log(films), x = n => 40 + 420 * Math.log(n / k[0]) / Math.log(films / k[0]);
      const y = share => 270 - 140 * share, points = list => list.map((share, i) => [x(k[i]), y(share)]);
      stage.draw = () => {
        const i = Number(slider.value);
        slider.setAttribute("aria-valuetext", `k = ${k[i]}`);
        const rows = [[films, `${thousands(films)} films`], [k[i], `${thousands(k[i])} candidates`], [10, "10 shown"]];
        rows.forEach(([n, words], row) => {
          const below = rows[row + 1] || rows[row], top = 34 * row + 2, half = wide(n) / 2, next = (wide(n) + wide(below[0])) / 4;
          stage.add("path", { d: `M${240 - half} ${top}H${240 + half}L${240 + next} ${top + 28}H${240 - next}Z`, fill: BLUE, "fill-opacity": 0.25 });
          stage.add("text", { x: 240, y: top + 18, "text-anchor": "middle" }, words);
        });
        stage.add("path", { d: `M${points(recall).join("L")}V${y(1)}H${x(k[0])}Z`, fill: "url(#hatch)", opacity: 0.35 });
        stage.add("text", { x: 60, y: y(0.75) }, "out of any ranking's reach");
        stage.add("text", { x: 40, y: y(1.06) }, "share of the hidden films");
        stage.add(...line(points(recall), { "stroke-width": 2 }));
        stage.add(...line(points(perfect), { stroke: BLUE, "stroke-width": 2, "stroke-dasharray": "5 3" }));
        for (const share of [0, 0.5, 1]) stage.add("text", { x: 34, y: y(share) + 4, "text-anchor": "end" }, share);
        for (const n of [10, 100, 1000]) stage.add("text", { x: x(n), y: 286, "text-anchor": "middle" }, n === 10 ? "k = 10" : thousands(n));
        stage.add("circle", { cx: x(k[i]), cy: y(recall[i]), r: 6 });
        stage.add("path", { d: `M${x(k[i])} ${y(perfect[i]) - 7}l7 12h-14z`, fill: BLUE });
        stage.say(`k = ${thousands(k[i])}: ${thousands(ms[i])} ms a request. ● The candidates hold ${text3(recall[i])} of the hidden films. ` +
          `▲ A perfect ranking that shows ten of them gets ${text3(perfect[i])}.`);
      };
    },

    // Users as lines, train as dots, test as strokes; what lies right of "now" is the future.
    split(stage, { splits, spots, days }) {
      const names = Object.keys(splits), group = `split-${Math.random()}`;
      const radios = names.map((name, i) => stage.control(name, "radio", { name: group, ...(i ? {} : { checked: "" }) }));
      const now = stage.control("now: day", "range", { min: 0, max: days, value: Math.round(days / 2) });
      const lines = Math.max(...spots.map(([row]) => row)), x = day => 10 + 460 * day / days, y = row => 14 * row;
      stage.draw = () => {
        const chosen = radios.findIndex(radio => radio.checked), { future, counters } = splits[names[chosen]], day = Number(now.value);
        stage.add("rect", { x: x(day), y: 0, width: x(days) - x(day), height: y(lines + 1), fill: RED, opacity: 0.08 });
        stage.add(...line([[x(day), 0], [x(day), y(lines + 1)]], { stroke: RED }));
        for (const [row, at, ...parts] of spots) {
          const part = parts[chosen], late = at > day;  // 1: train, 2: test, 3: both
          if (part & 1) stage.add("circle", { cx: x(at), cy: y(row) - 3, r: 2.2, fill: late ? "none" : GREY, stroke: late ? RED : GREY });
          if (part & 2) stage.add(...line([[x(at), y(row) - 1], [x(at), y(row) + 6]], { "stroke-width": 2 }));
        }
        stage.add("text", { x: 10, y: y(lines + 1) + 14 }, "● train \u2003 | test \u2003 ○ train, but later than now");
        stage.say(`${names[chosen]}, day ${day}: ${(100 * future[day]).toFixed(0)}% of train lies in the future. Of all test rows: ${counters}.`);
      };
    },

    // A user's vector to drag; films by their dot product with it.
    plane(stage, { user, films, longer }) {
      const names = Object.keys(films), degrees = Math.atan2(user[1], user[0]) * 180 / Math.PI;
      const angle = stage.control("direction", "range", { min: -180, max: 180, step: 0.5, value: degrees });
      const length = stage.control("length", "range", { min: 0.2, max: 3, step: 0.04, value: Math.hypot(...user) });
      const long = stage.control(`${longer} three times longer`, "checkbox", {});
      const x = a => 190 + 65 * a, y = b => 180 - 65 * b;
      const drag = event => {
        if (!event.buttons) return;
        const box = stage.svg.getBoundingClientRect(), scale = 480 / box.width;
        const a = ((event.clientX - box.left) * scale - 190) / 65, b = (180 - (event.clientY - box.top) * scale) / 65;
        angle.value = Math.atan2(b, a) * 180 / Math.PI;
        length.value = Math.hypot(a, b);
        stage.redraw();
      };
      for (const type of ["pointerdown", "pointermove"]) stage.svg.addEventListener(type, drag);
      stage.svg.style.touchAction = "none";
      stage.draw = () => {
        const turn = angle.value * Math.PI / 180, a = length.value * Math.cos(turn), b = length.value * Math.sin(turn);
        const at = name => films[name].map(part => part * (long.checked && name === longer ? 3 : 1));
        const score = name => a * at(name)[0] + b * at(name)[1];
        const order = [...names].sort((one, other) => score(other) - score(one));
        const [px, py] = at(order[2]);  // the third best: what lies on this line scores the same, what lies beyond it more
        stage.add(...line([[x(px - 9 * b), y(py + 9 * a)], [x(px + 9 * b), y(py - 9 * a)]], { "stroke-dasharray": "2 4" }));
        stage.add(...line([[x(-2.5), y(0)], [x(4), y(0)]], { opacity: 0.25 }));
        stage.add(...line([[x(0), y(-2)], [x(0), y(2.7)]], { opacity: 0.25 }));
        stage.add(...line([[x(0), y(0)], [x(a), y(b)]], { stroke: RED, "stroke-width": 3 }));
        stage.add("circle", { cx: x(a), cy: y(b), r: 8, fill: RED, style: "cursor:grab" });
        order.forEach((name, place) => {
          const [fx, fy] = at(name), best = place < 3;
          stage.add("circle", { cx: x(fx), cy: y(fy), r: 10, fill: BLUE, "fill-opacity": best ? 0.6 : 0, stroke: "currentColor" });
          stage.add("text", { x: x(fx), y: y(fy) + 4, "text-anchor": "middle" }, place + 1);
          stage.add("text", { x: x(fx) + 14, y: y(fy) + 4 }, `${name}: ${score(name).toFixed(1)}`);
        });
        stage.say(`User (${a.toFixed(2)}, ${b.toFixed(2)}): ${order.map(name => `${name} ${score(name).toFixed(1)}`).join(", ")}. ` +
          `The dotted line is where films score as the third does; beyond it they score higher.`);
      };
    },

    // One row of the batch at a time: what is pushed up, what down, and how hard.
    batch(stage, { users, films, scores, watched, copies }) {
      const size = films.length, cell = 240 / size, first = copies.findIndex((row, i) => row.some((copy, j) => copy && i !== j));
      const row = stage.control("row", "range", { min: 1, max: size, value: first + 1 });
      const low = Math.min(...scores.flat()), high = Math.max(...scores.flat());
      const kind = (i, j) => i === j ? "own" : copies[i][j] ? "copy" : watched[i][j] ? "watched" : "";
      stage.draw = () => {
        const i = row.value - 1, sum = scores[i].reduce((total, s) => total + Math.exp(s), 0);
        const share = j => Math.exp(scores[i][j]) / sum, push = j => i === j ? 1 - share(j) : -share(j);
        row.setAttribute("aria-valuetext", `row ${i + 1}, ${users[i]}`);
        scores.forEach((line, r) => line.forEach((score, j) => {
          const box = { x: j * cell + 1, y: r * cell + 1, width: cell - 2, height: cell - 2 }, what = kind(r, j);
          stage.add("rect", { ...box, fill: BLUE, "fill-opacity": 0.05 + 0.85 * (score - low) / (high - low) });
          if (what === "copy") stage.add("rect", { ...box, fill: "url(#hatch)" });
          if (what === "own") stage.add("rect", { ...box, fill: "none", stroke: "currentColor", "stroke-width": 2 });
          if (what === "watched") stage.add("text", { x: (j + 0.5) * cell, y: (r + 0.5) * cell + 4, "text-anchor": "middle", "font-size": 10 }, "w");
        }));
        stage.add("rect", { x: -1, y: i * cell, width: 242, height: cell, fill: "none", stroke: RED, "stroke-width": 2 });
        films.forEach((name, j) => {
          const y = j * cell + 11, mark = { own: "□ ", copy: "▨ ", watched: "w " }[kind(i, j)] || "";
          stage.add("text", { x: 392, y, "text-anchor": "end", "font-size": 11 }, mark + name);
          stage.add("rect", { x: push(j) < 0 ? 436 + 40 * push(j) : 436, y: y - 8, width: 40 * Math.abs(push(j)), height: 9, fill: push(j) < 0 ? RED : BLUE });
        });
        const list = what => films.map((name, j) => kind(i, j) === what ? `${name} ${text3(-push(j))}` : "").filter(Boolean).join(", ") || "none";
        stage.say(`${users[i]}, a softmax over these ${size} films. Up, to the right: □ ${films[i]} ${text3(push(i))}. Down: ▨ copies of it: ${list("copy")}; w watched too: ${list("watched")}; ` +
          `and the others.`);
      };
    },

    // Places in a list; seen films leave from the top, the others move up.
    ladder(stage, { seen, kept, k }) {
      const end = Math.max(k, ...kept), inside = seen.filter(place => place <= end);
      const gone = stage.control("seen films that have left", "range", { min: 0, max: inside.length, value: 0 });
      const x = place => 10 + 460 * (place - 1) / end, width = 460 / end;
      const rung = (place, y, taken) => stage.add("rect", { x: x(place), y, width, height: 26, fill: taken ? "url(#hatch)" : "none", stroke: GREY, "stroke-width": 0.5 });
      stage.draw = () => {
        const left = new Set(inside.slice(0, gone.value)), now = place => place - [...left].filter(other => other < place).length;
        for (let place = 1; place <= end; place++) {
          rung(place, 30, seen.includes(place));
          if (!left.has(place)) rung(now(place), 120, seen.includes(place));
        }
        stage.add(...line([[x(k + 1), 24], [x(k + 1), 62]], { "stroke-width": 2 }));
        stage.add(...line([[x(k + 1), 114], [x(k + 1), 152]], { "stroke-width": 2 }));
        for (const place of kept) {
          const from = x(place) + width / 2, to = x(now(place)) + width / 2;
          stage.add(...line([[from, 56], [to, 120]], { stroke: BLUE, "stroke-width": 2 }));
          stage.add("rect", { x: x(place), y: 30, width, height: 26, fill: BLUE });
          stage.add("rect", { x: x(now(place)), y: 120, width, height: 26, fill: BLUE });
          stage.add("text", { x: from, y: 22, "text-anchor": "middle" }, place);
          stage.add("text", { x: to, y: 166, "text-anchor": "middle" }, now(place));
        }
        const list = kept.map(place => `${place} − ${place - now(place)} = ${now(place)}`).join(", ");
        stage.say(`${left.size} of ${inside.length} seen films have left. Test films, rank before − seen above = now: ${list}. ` +
          `In the top ${k}: ${kept.filter(place => place <= k).length} before, ${kept.filter(place => now(place) <= k).length} now.`);
      };
    },

    // Curves over epochs, each on its own scale.
    curves(stage, { curves }) {
      const names = Object.keys(curves), n = curves[names[0]].length;
      const epoch = stage.control("epoch", "range", { min: 1, max: n, value: 1 });
      const x = i => 20 + 440 * i / (n - 1);
      stage.draw = () => {
        const i = epoch.value - 1, said = [];
        names.forEach((name, part) => {
          const list = curves[name], low = Math.min(...list), high = Math.max(...list), top = 26 + 125 * part;
          const y = value => top + 80 * (high - value) / (high - low), show = high > 1 ? thousands : text3;
          stage.add("text", { x: 470, y: top - 8, "text-anchor": "end" }, name);
          stage.add(...line(list.map((value, j) => [x(j), y(value)]), { "stroke-width": 2, stroke: part ? BLUE : "currentColor", ...(part ? { "stroke-dasharray": "6 3" } : {}) }));
          stage.add("circle", { cx: x(i), cy: y(list[i]), r: 5 });
          stage.add("text", { x: Math.min(x(i) + 8, 425), y: y(list[i]) - 7 }, show(list[i]));
          said.push(`${name} ${show(list[i])}`);
        });
        stage.say(`After ${epoch.value} of ${n} epochs: ${said.join("; ")}.`);
      };
    },
  };

  for (const figure of document.querySelectorAll("figure[data-movable]")) {
    const image = figure.querySelector("img"), data = JSON.parse(figure.querySelector("script").textContent);
    const kind = figure.dataset.movable;
    delete figure.dataset.movable;
    image.remove();
    const place = stage(figure, image.alt, data.height);
    kinds[kind](place, data);
    place.redraw();
  }
})();
