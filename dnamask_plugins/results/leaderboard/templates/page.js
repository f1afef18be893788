"use strict";
(() => {
  const root = document.documentElement;
  const chart = document.getElementById("chart-spec");
  const spec = chart && JSON.parse(chart.textContent);
  const boards = [...document.querySelectorAll("[data-board]")];
  const redraws = [];

  // Storage may be refused for pages opened from a file.
  const remember = (theme) => { try { localStorage.setItem("dnamask-theme", theme); } catch { /* not kept */ } };
  const remembered = () => { try { return localStorage.getItem("dnamask-theme"); } catch { return null; } };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    redraws.forEach((draw) => draw());
  });
  systemDark.addEventListener("change", () => redraws.forEach((draw) => draw()));

  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  function setUp(board) {
    const table = board.querySelector("table");
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    const search = board.querySelector("[data-search]");
    const selects = [...board.querySelectorAll("[data-filter]")];
    const views = [...board.querySelectorAll("[data-view]")];
    const plot = board.querySelector("[data-plot]");
    const axis = board.querySelector("[data-axis]");
    const visible = () => rows.filter((row) => !row.hidden);

    function sortBy(index, direction) {
      const number = heads[index].dataset.sort === "number";
      const sign = direction === "ascending" ? 1 : -1;
      const value = (row) => row.cells[index].dataset.v;
      rows.sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        if (a === "" || b === "") return (a === "") - (b === "");
        return sign * (number ? a - b : collator.compare(a, b));
      });
      body.append(...rows);
      heads.forEach((head, place) => {
        if (place === index) head.setAttribute("aria-sort", direction);
        else head.removeAttribute("aria-sort");
      });
    }

    function markBest() {
      const shown = visible();
      heads.forEach((head, index) => {
        if (!head.dataset.key) return;
        const values = shown.map((row) => row.cells[index].dataset.v).filter((text) => text !== "").map(Number);
        const best = values.length > 1 ? Math.max(...values) : NaN;
        rows.forEach((row) => {
          const cell = row.cells[index];
          cell.classList.toggle("best", !row.hidden && cell.dataset.v !== "" && Number(cell.dataset.v) === best);
        });
      });
    }

    function filter() {
      const words = search.value.trim().toLowerCase();
      rows.forEach((row) => {
        const fits = selects.every((select) => select.value === "" || row.dataset[select.dataset.filter] === select.value);
        row.hidden = !(fits && row.dataset.model.toLowerCase().includes(words));
      });
      const count = visible().length;
      board.querySelector(".shown").textContent = `${count} of ${rows.length} entries`;
      board.querySelector(".nothing").hidden = count > 0;
      markBest();
      draw();
    }

    function show(view) {
      views.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.view === view)));
      table.querySelectorAll("[data-views]").forEach((cell) => {
        cell.hidden = !cell.dataset.views.split(" ").includes(view);
      });
    }

    function points() {
      const length = axis.value;
      const index = heads.findIndex((head) => head.dataset.key === plot.value);
      const found = visible().flatMap((row) => {
        const { v, sd } = row.cells[index].dataset;
        if (v === "" || row.dataset[length] === "") return [];
        const spread = sd === undefined ? {} : { low: Number(v) - Number(sd), high: Number(v) + Number(sd) };
        const { model, source, backbone, tokenizer, strategy, steps, tokens, method } = row.dataset;
        const known = (text) => (text === "" ? null : Number(text));
        return [{ model, source, backbone, tokenizer, strategy, method, steps: known(steps), tokens: known(tokens), length: Number(row.dataset[length]), score: Number(v), ...spread }];
      });
      return found.map((point) => {
        const peers = found.filter((other) => other.length === point.length);
        const strategies = [...new Set(peers.map((other) => other.strategy))].sort();
        const shift = strategies.indexOf(point.strategy) - (strategies.length - 1) / 2;
        return { ...point, x: point.length * 1.07 ** shift };
      });
    }

    function draw() {
      if (!plot) return;
      const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
      const narrow = board.clientWidth < 640;
      const legend = { orient: narrow ? "bottom" : "right", columns: 1, titleColor: colour("--soft"), labelColor: colour("--ink"), symbolStrokeWidth: 2, symbolFillColor: "transparent" };
      const config = {
        background: "transparent", font: "system-ui, sans-serif", view: { stroke: null }, legend,
        axis: { labelColor: colour("--soft"), titleColor: colour("--soft"), gridColor: colour("--line"), domainColor: colour("--line"), tickColor: colour("--line"), titleFontWeight: 500, labelFontSize: 12, titleFontSize: 12, labelOverlap: "greedy" },
      };
      const filled = { ...structuredClone(spec), datasets: { points: points() } };
      const lengths = filled.datasets.points.map((point) => point.length);
      const ends = { first_step: Math.min(...lengths) / 2, last_step: Math.max(...lengths) * 2 };
      filled.layer.forEach((layer) => { layer.encoding.x.title = axis.selectedOptions[0].textContent; });
      if (lengths.length) filled.params.forEach((param) => { param.value = ends[param.name] ?? param.value; });
      vegaEmbed(board.querySelector(".chart"), filled, {
        actions: false, renderer: "svg", config, tooltip: { theme: "custom" },
      }).then(() => { board.dataset.drawn = String(filled.datasets.points.length); });
    }

    heads.forEach((head, index) => head.querySelector("button").addEventListener("click", () => {
      const first = head.dataset.sort === "number" ? "descending" : "ascending";
      const other = first === "descending" ? "ascending" : "descending";
      sortBy(index, head.getAttribute("aria-sort") === first ? other : first);
    }));
    search.addEventListener("input", filter);
    selects.forEach((select) => select.addEventListener("change", filter));
    views.forEach((button) => button.addEventListener("click", () => show(button.dataset.view)));
    board.querySelector("[data-reset]").addEventListener("click", () => {
      search.value = "";
      selects.forEach((select) => { select.value = ""; });
      filter();
    });
    if (plot) [plot, axis].forEach((select) => select.addEventListener("change", draw));
    redraws.push(draw);
    if (matchMedia("(max-width: 720px)").matches) board.querySelector(".filters").open = false;
    show(views[0].dataset.view);
    const firstScore = heads.findIndex((head) => head.dataset.key && !head.hidden);
    if (firstScore >= 0) {
      sortBy(firstScore, "descending");
      if (plot && [...plot.options].some((option) => option.value === heads[firstScore].dataset.key)) plot.value = heads[firstScore].dataset.key;
    }
    filter();
  }

  boards.forEach(setUp);
})();
