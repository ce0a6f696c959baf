// Small and optional: every page reads without it. It fetches nothing but this site's own files, and builds nodes, never markup.
"use strict";
(() => {
  const make = (tag, props = {}, ...inside) => {
    const node = document.createElement(tag);
    Object.assign(node, props);
    node.append(...inside);
    return node;
  };
  const TIERS = ["low", "moderate", "high", "very-high"];
  // The columns of assets/rows.js, by their names (harness/site/api/listed.py); known once it is loaded.
  const F = {};
  const FACETS = { models: "model_name", devices: "device", runtimes: "runtime_series", quantisations: "quantisation", tiers: "tier" };

  // Four significant digits, as on the pages (harness/units.py).
  const digits = (value) => {
    const whole = Math.abs(value) >= 1 ? String(Math.trunc(Math.abs(value))).length : 0;
    const places = Math.max(4 - whole, 0);
    return value.toLocaleString("en-GB", { minimumFractionDigits: places, maximumFractionDigits: places });
  };

  let loading = null;
  const rows = (source) => {
    loading ??= new Promise((resolve, reject) => {
      const script = make("script", { src: source });
      script.onload = () => {
        window.REPRO_ROWS.columns.forEach((name, place) => { F[name] = place; });
        resolve(window.REPRO_ROWS.rows.map((row) => {
          row.text = [row[F.model_name], row[F.quantisation], row[F.device], row[F.runtime_series], row[F.os_family]].join(" ").toLowerCase();
          return row;
        }));
      };
      script.onerror = reject;
      document.head.append(script);
    });
    return loading;
  };
  const matching = (all, query) => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    return all.filter((row) => words.every((word) => row.text.includes(word)));
  };

  const badge = (row) => {
    const tier = row[F.tier];
    const dots = make("span", { className: "dots" });
    dots.setAttribute("aria-hidden", "true");
    TIERS.forEach((_, step) => dots.append(make("i", { className: step <= TIERS.indexOf(tier) ? "on" : "off" })));
    const found = make("span", {}, make("span", { className: `tier tier-${tier || "none"}` }, dots, tier || "no tier"));
    if (row[F.under_review]) found.append(" ", make("span", { className: "contested" }, "under review"));
    if (row[F.contested]) found.append(" ", make("span", { className: "contested" }, "contested"));
    return found;
  };
  const cell = (label, ...inside) => {
    const found = make("td", {}, ...inside);
    found.dataset.label = label;
    return found;
  };
  const rate = (row) => {
    const found = cell("Decode rate", make("strong", {}, digits(row[F.decode_tokens_per_s])), " tok/s");
    found.className = "n";
    if (row[F.decode_ci95_low_tokens_per_s] !== null) found.append(make("br"), make("span", { className: "muted" }, `${digits(row[F.decode_ci95_low_tokens_per_s])} to ${digits(row[F.decode_ci95_high_tokens_per_s])}`));
    return found;
  };
  const head = (...names) => make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
  const name = (row, root) => {
    const found = make("th", { scope: "row" }, make("a", { href: `${root}rows/${row[F.row_short]}/index.html` }, make("bdi", {}, row[F.model_name] || "unnamed model")),
      " ", make("span", { className: "muted" }, make("bdi", {}, row[F.quantisation])));
    return found;
  };

  // Copy buttons
  for (const button of document.querySelectorAll(".copy-button")) {
    const told = [...button.childNodes];
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("code").textContent;
      let done = true;
      try { await navigator.clipboard.writeText(text); } catch {
        const area = make("textarea", { value: text });
        document.body.append(area);
        area.select();
        done = document.execCommand("copy");
        area.remove();
      }
      button.textContent = done ? "Copied" : "Press Ctrl-C";
      setTimeout(() => { button.replaceChildren(...told); }, 1600);
    });
  }

  // Front page: filter
  const form = document.getElementById("filter");
  if (form) {
    form.hidden = false;
    const found = document.getElementById("found"), list = document.getElementById("found-rows"), count = document.getElementById("found-count");
    const ways = document.querySelector(".ways"), query = document.getElementById("q"), selects = [...form.querySelectorAll("select")];
    const show = async () => {
      const chosen = selects.filter((select) => select.value);
      const idle = !query.value.trim() && !chosen.length;
      found.hidden = idle;
      ways.hidden = !idle;
      if (idle) return;
      const all = await rows(form.dataset.rows);
      const value = (row, facet) => row[F[FACETS[facet]]] || (facet === "tiers" ? "no tier" : `unnamed ${facet.slice(0, -1)}`);
      const hits = matching(all, query.value).filter((row) => chosen.every((select) => value(row, select.dataset.facet) === select.value));
      const body = make("tbody");
      for (const row of hits.slice(0, 100)) {
        const others = [`${row[F.persons_inside]} inside`, row[F.persons_outside] && `${row[F.persons_outside]} outside`, row[F.records_pending] && `${row[F.records_pending]} pending`];
        body.append(make("tr", {}, name(row, ""), cell("Device", make("bdi", {}, row[F.device])), cell("Runtime", make("bdi", {}, row[F.runtime_series])),
          rate(row), cell("Confidence", badge(row)), cell("Reproductions", others.filter(Boolean).join(", "))));
      }
      count.textContent = `${hits.length.toLocaleString("en-GB")} found${hits.length > 100 ? ", the first 100 shown" : ""}`;
      list.replaceChildren(...(hits.length ? [make("table", { className: "stack rows" },
        head("Model", "Device", "Runtime", "Decode rate", "Confidence", "Reproductions"), body)] : []));
    };
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    show();
  }

  // Forecasts: any listed device and model. Words and a class of their own, never in a list of rows.
  const foretold = document.getElementById("forecast-pick");
  if (foretold) {
    const device = document.getElementById("forecast-device"), model = document.getElementById("forecast-model");
    const words = document.getElementById("forecast-told");
    const three = (value) => value.toLocaleString("en-GB", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
    const of = (title, kind, [middle, low80, high80, low95, high95]) =>
      `${title}, class ${kind}: ${three(middle)} tok/s (80 %: ${three(low80)} to ${three(high80)}; 95 %: ${three(low95)} to ${three(high95)})`;
    const show = () => {
      words.textContent = "";
      if (!device.value || !model.value || !window.REPRO_FORECASTS) return;
      const [decode, prefill, gib, held, ...rates] = window.REPRO_FORECASTS.cells[device.value][model.value];
      words.textContent = held
        ? `Forecast, by llama.cpp (${window.REPRO_FORECASTS.kernels[device.value]}). ${of("Decode", decode, rates.slice(0, 5))}; ${of("prefill", prefill, rates.slice(5))}. Weights and cache: ${gib} GiB.`
        : `${gib} GiB of weights and cache are more than its memory.`;
    };
    let asked = null;
    foretold.addEventListener("input", () => {
      if (asked) { show(); return; }
      asked = make("script", { src: foretold.dataset.forecasts });
      asked.onload = show;
      document.head.append(asked);
    });
    foretold.addEventListener("submit", (event) => event.preventDefault());
    foretold.hidden = false;
    show();
  }

  // Compare: any rows, by the same interval as everywhere (harness/measure/comparison.py)
  const pick = document.getElementById("pick");
  if (pick) {
    pick.hidden = false;
    const query = document.getElementById("pick-q"), matches = document.getElementById("pick-matches"), result = document.getElementById("pick-result");
    const chosen = () => (new URLSearchParams(location.hash.slice(1)).get("rows") || "").split(",").filter((id, place, all) => id && all.indexOf(id) === place);
    const choose = (list) => { location.hash = list.length ? `rows=${list.join(",")}` : ""; };
    const quantile = (inverse, fixed) => {
      const table = window.REPRO_QUANTILES[fixed ? "fixed" : "looks"], place = Math.min(inverse, 1) * (table.length - 1);
      const below = Math.min(Math.floor(place), table.length - 2);
      return table[below] + (table[below + 1] - table[below]) * (place - below);
    };
    const against = (a, b) => {
      if (a[F.workload_key] !== b[F.workload_key]) return { words: "another workload: does not compare" };
      const n = [a[F.processes], b[F.processes]], v = [a[F.decode_log_variance] / n[0], b[F.decode_log_variance] / n[1]], total = v[0] + v[1];
      const distance = a[F.decode_log_mean] - b[F.decode_log_mean];
      if (Math.min(...n) < 2) return { ratio: Math.exp(distance), words: "cannot tell" };
      const inverse = total > 0 ? (v[0] / total) ** 2 / (n[0] - 1) + (v[1] / total) ** 2 / (n[1] - 1) : 1 / (n[0] + n[1] - 2);
      const margin = quantile(inverse, a[F.fixed_number] && b[F.fixed_number]) * Math.sqrt(total);
      const [low, high] = [Math.exp(distance - margin), Math.exp(distance + margin)], [least, most] = window.REPRO_QUANTILES.band;
      const words = Math.min(...n) < 3 ? "cannot tell" : least <= low && high <= most ? "same" : low > most ? "faster" : high < least ? "slower" : "cannot tell";
      return { ratio: Math.exp(distance), low, high, words };
    };
    const MARKS = { "same": "same", "faster": "faster", "slower": "slower" };
    const draw = async () => {
      const all = await rows(pick.dataset.rows), byId = new Map(all.map((row) => [row[F.row_short], row]));
      const list = chosen().filter((id) => byId.has(id));
      const hits = query.value.trim() ? matching(all, query.value).filter((row) => !list.includes(row[F.row_short])).slice(0, 12) : [];
      matches.replaceChildren(...hits.map((row) => {
        const button = make("button", { type: "button" }, `${row[F.model_name] || "unnamed model"} ${row[F.quantisation]}, ${row[F.device]}, ${row[F.runtime_series]}`);
        button.addEventListener("click", () => { query.value = ""; choose([...list, row[F.row_short]]); query.focus(); });
        return make("li", {}, button);
      }));
      if (!list.length) { result.replaceChildren(); return; }
      const body = make("tbody");
      list.forEach((id, place) => {
        const row = byId.get(id), found = place ? against(row, byId.get(list[0])) : null;
        const remove = make("button", { type: "button", ariaLabel: `Remove ${row[F.model_name] || "unnamed model"} on ${row[F.device]}` }, "Remove");
        remove.addEventListener("click", () => { choose(list.filter((other) => other !== id)); query.focus(); });
        const ratio = cell("To the first", found && found.ratio ? found.ratio.toFixed(3) : "–");
        if (found && found.low) ratio.append(make("br"), make("span", { className: "muted" }, `${found.low.toFixed(3)} to ${found.high.toFixed(3)}`));
        body.append(make("tr", {}, name(row, pick.dataset.root), cell("Device", make("bdi", {}, row[F.device])), cell("Runtime", make("bdi", {}, row[F.runtime_series])), rate(row), ratio,
          cell("Verdict", found ? make("span", { className: `mark mark-${MARKS[found.words] || "unknown"}` }, found.words) : make("span", { className: "muted" }, "the first")),
          cell("Confidence", badge(row)), cell("", remove)));
      });
      result.replaceChildren(make("table", { className: "stack" }, head("Model", "Device", "Runtime", "Decode rate", "To the first", "Verdict", "Confidence", "Choice"), body));
    };
    query.addEventListener("input", draw);
    window.addEventListener("hashchange", draw);
    draw();
  }
})();
