"use strict";
// Charts of a dispatch: stacked supply, prices, stored energy, carbon. All share one window of intervals.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const count = data.labels.length;
  const colours = ["#f2b134", "#3b82c4", "#4fa36b", "#c2603d", "#8e6bbf", "#2aa198", "#d1628f", "#7a8b3c", "#5c6f91", "#b0885a", "#9aa5b1"];
  const fixed = [[/solar|sun|pv/i, "#f2b134"], [/wind/i, "#3b82c4"], [/geo/i, "#c2603d"], [/bio/i, "#4fa36b"], [/gas/i, "#9b6b4a"],
    [/coal|oil|diesel/i, "#6b6f76"], [/hydro|water/i, "#2aa198"], [/batter|storage/i, "#8e6bbf"], [/nuclear/i, "#d1628f"], [/shed/i, "#d83a3a"]];
  const used = new Set();
  const colour = (name, kind, position) => {
    const hit = kind === "tie" ? "#7b8794" : kind === "shed" ? "#d83a3a" : (fixed.find(([pattern]) => pattern.test(name)) || [])[1];
    const free = hit && !used.has(hit) ? hit : colours.slice(position).concat(colours).find((c) => !used.has(c)) || colours[position % colours.length];
    used.add(free);
    return free;
  };
  data.bands.forEach((band, position) => { band.colour = colour(`${band.name} ${band.class}`, band.kind, position); });
  const known = new Map(data.bands.map((band) => [band.name, band.colour]));
  data.stored.forEach((band, position) => { band.colour = known.get(band.name) || colours[position % colours.length]; });

  let from = 0, to = count; // the window, in intervals
  const hidden = new Set();
  const charts = [];
  const NS = "http://www.w3.org/2000/svg";
  const make = (parent, name, attributes = {}, text) => {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return parent.appendChild(node);
  };
  const most = (values) => values.reduce((sum, value) => Math.max(sum, Math.abs(value)), 0);
  // A prefix and its factor such that the largest value reads well.
  const unit = (base, largest) => {
    for (const [factor, prefix] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (largest >= factor) return [factor, prefix + base];
    return [1, base];
  };
  const shown = (value) => {
    if (value === 0) return "0";
    const digits = Math.max(0, Math.min(6, 3 - Math.floor(Math.log10(Math.abs(value)))));
    return value.toLocaleString("en", { maximumFractionDigits: digits });
  };
  const ticks = (low, high, wanted) => {
    const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((s) => s * power).find((s) => s >= raw);
    const list = [];
    for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + 1e-9 * step; tick += step) list.push(Math.abs(tick) < step / 1e6 ? 0 : tick);
    return list;
  };

  const left = 56, right = 14, top = 10, bottom = 22;
  function chart(title, height, series, base, stacked, line) {
    const figure = document.createElement("figure");
    const heading = document.createElement("h2");
    const svg = document.createElementNS(NS, "svg");
    const legend = document.createElement("div");
    legend.className = "legend";
    figure.append(heading, legend, svg);
    document.getElementById("charts").append(figure);
    const largest = most(series.concat(line ? [line] : []).flatMap((s) => s.values));
    const [factor, name] = base.includes("/") || base === "kg" ? [1, base] : unit(base, largest);
    heading.textContent = `${title}, ${name}`;
    if (series.length > 1 || line) for (const s of line ? [line, ...series] : series) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = s.name;
      button.style.setProperty("--swatch", s.colour);
      const key = title + s.name;
      button.setAttribute("aria-pressed", "true");
      button.onclick = () => {
        if (!hidden.delete(key)) hidden.add(key);
        button.setAttribute("aria-pressed", String(!hidden.has(key)));
        draw();
      };
      legend.append(button);
    }
    const self = { svg, height, factor, name, stacked };
    self.visible = () => series.filter((s) => !hidden.has(title + s.name));
    self.line = () => (line && !hidden.has(title + line.name) ? line : null);
    self.x = (interval) => left + (interval - from) / (to - from) * (self.width - left - right);
    self.at = (pixel) => Math.floor(from + (pixel - left) / (self.width - left - right) * (to - from));
    charts.push(self);
    listen(self);
  }

  // A path of steps through values of the window, and back along `floor` if there is one.
  function steps(self, y, values, floor) {
    const first = Math.max(0, Math.floor(from)), last = Math.min(count, Math.ceil(to));
    let path = "";
    for (let i = first; i < last; i++) path += `${i === first ? "M" : "L"}${self.x(i).toFixed(1)} ${y(values[i]).toFixed(1)}H${self.x(i + 1).toFixed(1)}`;
    if (floor) {
      for (let i = last - 1; i >= first; i--) path += `L${self.x(i + 1).toFixed(1)} ${y(floor[i]).toFixed(1)}H${self.x(i).toFixed(1)}`;
      path += "Z";
    }
    return path;
  }

  function drawOne(self) {
    const { svg, height, factor } = self;
    svg.replaceChildren();
    self.width = Math.max(320, svg.clientWidth || 900);
    svg.setAttribute("height", height);
    svg.setAttribute("viewBox", `0 0 ${self.width} ${height}`);
    const series = self.visible(), line = self.line();
    const first = Math.max(0, Math.floor(from)), last = Math.min(count, Math.ceil(to));
    // Layers: what each series adds above zero and below it.
    const up = new Float64Array(count), down = new Float64Array(count), layers = [];
    let low = 0, high = 0;
    for (const s of series) {
      if (!self.stacked) { layers.push([s, s.values]); continue; }
      for (const [sums, part] of [[up, (v) => Math.max(v, 0)], [down, (v) => Math.min(v, 0)]]) {
        const floor = Float64Array.from(sums);
        let any = false;
        for (let i = 0; i < count; i++) { const v = part(s.values[i]); if (v) any = true; sums[i] += v; }
        if (any) layers.push([s, Float64Array.from(sums), floor]);
      }
    }
    for (let i = first; i < last; i++) {
      for (const [, values] of layers) { low = Math.min(low, values[i]); high = Math.max(high, values[i]); }
      if (line) high = Math.max(high, line.values[i]);
    }
    if (high === low) high = low + factor;
    const pad = (high - low) * 0.04;
    if (high > 0) high += pad;
    if (low < 0) low -= pad;
    const y = (value) => top + (high - value) / (high - low) * (height - top - bottom);
    self.y = y;
    for (const tick of ticks(low / factor, high / factor, Math.max(4, height / 48))) {
      const at = y(tick * factor);
      make(svg, "line", { x1: left, x2: self.width - right, y1: at, y2: at, class: tick === 0 ? "zero" : "grid" });
      make(svg, "text", { x: left - 8, y: at + 4, "text-anchor": "end" }, shown(tick));
    }
    // Labels at steps that divide hours and days, where intervals do.
    const wanted = (to - from) / Math.max(2, Math.floor(self.width / 90));
    const every = [1, 2, 3, 4, 6, 8, 12, 24, 36, 48, 72, 96, 144, 288, 576].find((step) => step >= wanted) || Math.ceil(wanted);
    for (let i = Math.ceil(first / every) * every; i < last; i += every)
      make(svg, "text", { x: self.x(i), y: height - 6, "text-anchor": "start" }, short(data.labels[i]));
    const clip = `clip${charts.indexOf(self)}`;
    const box = make(make(make(svg, "defs"), "clipPath", { id: clip }), "rect", { x: left, y: 0, width: self.width - left - right, height });
    box.setAttribute("height", height - bottom + 1);
    const plot = make(svg, "g", { "clip-path": `url(#${clip})` });
    for (const [s, values, floor] of layers)
      make(plot, "path", self.stacked
        ? { d: steps(self, y, values, floor), fill: s.colour, "fill-opacity": 0.88 }
        : { d: steps(self, y, values), fill: "none", stroke: s.colour, "stroke-width": 1.8 });
    if (line) make(plot, "path", { d: steps(self, y, line.values), fill: "none", stroke: "var(--ink)", "stroke-width": 1.8 });
    self.cross = make(svg, "line", { y1: top, y2: height - bottom, class: "cross", visibility: "hidden" });
    self.brush = make(svg, "rect", { y: top, height: height - top - bottom, class: "brush", visibility: "hidden" });
  }
  const draw = () => charts.forEach(drawOne);
  // Of a time within the shown window the day is left out where all are of one day.
  const oneDay = new Set(data.labels.map((label) => label.slice(0, 10))).size <= 1;
  const short = (label) => {
    const match = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d:\d\d)/.exec(label);
    return match ? (oneDay ? match[4] : `${match[2]}-${match[3]} ${match[4]}`) : label;
  };

  const tip = document.getElementById("tip");
  function point(self, interval, event) {
    for (const other of charts) {
      other.cross.setAttribute("x1", other.x(interval + 0.5));
      other.cross.setAttribute("x2", other.x(interval + 0.5));
      other.cross.setAttribute("visibility", "visible");
    }
    tip.replaceChildren();
    const heading = document.createElement("b");
    const label = data.labels[interval];
    heading.textContent = label === String(interval) ? `interval ${interval}` : `${label} (${interval})`;
    tip.append(heading);
    const rows = self.visible().filter((s) => !self.stacked || s.values[interval] !== 0);
    for (const s of (self.line() ? [self.line()] : []).concat(rows)) {
      const row = document.createElement("div");
      const [name, value] = [document.createElement("span"), document.createElement("span")];
      row.style.setProperty("--swatch", s.colour);
      name.textContent = s.name;
      value.textContent = `${shown(s.values[interval] / self.factor)} ${self.name}`;
      row.append(name, value);
      tip.append(row);
    }
    tip.style.display = "block";
    const { offsetWidth: w, offsetHeight: h } = tip;
    tip.style.left = `${Math.max(4, event.clientX + 16 + w > innerWidth ? event.clientX - w - 16 : event.clientX + 16)}px`;
    tip.style.top = `${Math.max(4, Math.min(innerHeight - h - 8, event.clientY + 12))}px`;
  }
  function leave() {
    tip.style.display = "none";
    charts.forEach((self) => self.cross && self.cross.setAttribute("visibility", "hidden"));
  }
  function zoom(low, high) {
    const width = Math.min(count, Math.max(4, high - low));
    from = Math.max(0, Math.min(count - width, low));
    to = from + width;
    if (count < 4) { from = 0; to = count; }
    draw();
  }
  function listen(self) {
    const { svg } = self;
    let began = null;
    const pixel = (event) => event.clientX - svg.getBoundingClientRect().left;
    const inside = (event) => Math.max(0, Math.min(count - 1, self.at(pixel(event))));
    svg.addEventListener("pointerdown", (event) => { began = pixel(event); svg.setPointerCapture(event.pointerId); });
    svg.addEventListener("pointermove", (event) => {
      point(self, inside(event), event);
      if (began === null) return;
      const [a, b] = [Math.min(began, pixel(event)), Math.max(began, pixel(event))];
      self.brush.setAttribute("x", Math.max(left, a));
      self.brush.setAttribute("width", Math.max(0, Math.min(b, self.width - right) - Math.max(left, a)));
      self.brush.setAttribute("visibility", "visible");
    });
    svg.addEventListener("pointerup", (event) => {
      const [a, b] = [Math.min(began ?? 0, pixel(event)), Math.max(began ?? 0, pixel(event))];
      const was = began;
      began = null;
      if (was !== null && b - a > 6) zoom(self.at(a), self.at(b) + 1); else self.brush.setAttribute("visibility", "hidden");
    });
    svg.addEventListener("pointerleave", leave);
    svg.addEventListener("dblclick", () => zoom(0, count));
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      const share = Math.max(0, Math.min(1, (pixel(event) - left) / (self.width - left - right)));
      const width = (to - from) * (event.deltaY > 0 ? 1.25 : 0.8), middle = from + share * (to - from);
      zoom(middle - share * width, middle + (1 - share) * width);
    }, { passive: false });
  }

  const single = (name, values, tone) => [{ name, values, colour: tone }];
  const demand = { name: "demand", values: data.demand_w, colour: "var(--ink)" };
  chart("Supply and demand", 380, data.bands, "W", true, demand);
  chart("Price", 190, single("price", data.price_per_kwh, "var(--accent)"), "currency/kWh", false);
  if (data.stored.length) chart("Stored energy", 190, data.stored, "Wh", false);
  if (data.carbon_kg.some((value) => value !== 0)) chart("Carbon per interval", 170, single("carbon", data.carbon_kg, "#9b6b4a"), "kg", true);

  const root = document.documentElement;
  document.getElementById("theme").onclick = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  };
  addEventListener("resize", draw);
  draw();
})();
