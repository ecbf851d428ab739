// Draws the charts of a study as SVG, finds the trial under the pointer, marks the chosen one.
// Put into the page's head by ui/look/head.py; ui/tuning/study.js calls it. Colours and line styles are in style.css.
window.airCharts = (() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const NEAR = 16;
  const MARKS = {finished: 'dot', stopped: 'triangle', running: 'ring', interrupted: 'ring', failed: 'cross'};

  function make(tag, attributes = {}, text = null) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== null) element.textContent = text;
    return element;
  }

  const at = value => value.toFixed(1);
  const shapes = {
    dot: (x, y, r) => `M${at(x - r)},${at(y)}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
    triangle: (x, y, r) => `M${at(x)},${at(y - r - 1)}L${at(x + r + 1)},${at(y + r)}H${at(x - r - 1)}Z`,
    cross: (x, y, r) => `M${at(x - r)},${at(y - r)}l${2 * r},${2 * r}m0,${-2 * r}l${-2 * r},${2 * r}`,
    star: (x, y, r) => 'M' + [...Array(10).keys()].map(i => {
      const size = i % 2 ? r * 0.45 : r, angle = Math.PI * (i / 5 - 0.5);
      return `${at(x + size * Math.cos(angle))},${at(y + size * Math.sin(angle))}`;
    }).join('L') + 'Z',
  };
  shapes.ring = shapes.dot;

  const short = value => Math.abs(value) >= 10000 ? value.toFixed(0) : String(+value.toPrecision(3));
  const written = (metric, value) => metric.share ? `${(100 * value).toFixed(1)} %` : String(+value.toPrecision(4));

  // The axis of the figure. Far-off results do not squeeze it: what lies beyond is drawn at the edge.
  function axis(metric, trials) {
    const values = trials.map(trial => trial.value), sorted = values.sort((a, b) => a - b);
    if (!sorted.length) return {low: 0, high: 1, log: false, ticks: count => ticks(0, 1, count)};
    const share = part => sorted[Math.round(part * (sorted.length - 1))];
    const reach = 3 * (share(0.75) - share(0.25));
    let [low, high] = [sorted[0], sorted[sorted.length - 1]];
    if (reach && metric.mode === 'min') high = Math.min(high, share(0.75) + reach);
    if (reach && metric.mode === 'max') low = Math.max(low, share(0.25) - reach);
    const log = !metric.share && low > 0 && high / low > 2;
    const spare = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
    [low, high] = log ? [low * 0.94, high * 1.06] : [low - spare, high + spare];
    return {low, high, log, ticks: count => (log ? logTicks(low, high) : ticks(low, high, count))};
  }

  function scale(low, high, from, to, log = false) {
    const bend = log && low > 0 ? Math.log : value => value;
    const [a, b] = [bend(low), bend(high)];
    return value => from + (b === a ? 0.5 : (bend(Math.min(Math.max(value, low), high)) - a) / (b - a)) * (to - from);
  }

  function ticks(low, high, count) {
    if (!(high > low)) return [low];
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(part => part * power).find(size => size >= rough * 0.999) || rough;
    const found = [];
    const first = Math.ceil(low / step), most = 4 * count;
    for (let n = 0; n < most && (first + n) * step <= high + step / 1e6; n++) found.push((first + n) * step);
    return found;
  }

  function logTicks(low, high) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const part of [1, 2, 5]) found.push(part * 10 ** power);
    }
    const inside = found.filter(value => value >= low && value <= high);
    return inside.length < 3 ? ticks(low, high, 4) : inside.filter((_, i) => i % Math.ceil(inside.length / 5) === 0);
  }

  // A drawing of its own size in real pixels, so that letters are as large on a phone as on a desk.
  class Chart {
    constructor(slot, height, label, least = 0) {
      this.width = Math.max(slot.clientWidth, least);
      this.height = height;
      this.points = [];
      this.svg = make('svg', {
        viewBox: `0 0 ${this.width} ${height}`, width: this.width, height, role: 'img', 'aria-label': label,
      });
      this.over = make('g', {class: 'air-over'});
      slot.replaceChildren(this.svg);
    }

    add(tag, attributes, text) {
      return this.svg.appendChild(make(tag, attributes, text));
    }

    text(x, y, text, anchor = 'middle') {
      return this.add('text', {x: at(x), y: at(y), 'text-anchor': anchor}, text);
    }

    levels(values, y, left, right, words) {
      for (const value of values) {
        this.add('line', {class: 'air-rule', x1: left, x2: right, y1: at(y(value)), y2: at(y(value))});
        this.text(left - 6, y(value) + 4, words(value), 'end');
      }
    }

    // One path for all marks of a kind: five hundred trials are a handful of elements.
    marks(points, size, best) {
      const drawn = {};
      for (const point of points) {
        const kind = MARKS[point.trial.state] || 'ring';
        drawn[kind] = (drawn[kind] || '') + shapes[kind](point.x, point.y, size);
      }
      for (const [kind, path] of Object.entries(drawn)) this.add('path', {class: `air-mark-${kind}`, d: path});
      const first = points.find(point => point.trial.id === best);
      if (first) this.add('path', {class: 'air-mark-star', d: shapes.star(first.x, first.y, 8)});
      this.points.push(...points);
    }

    finish() {
      this.svg.appendChild(this.over);
    }

    near(x, y) {
      let found = null, least = NEAR ** 2;
      for (const point of this.points) {
        const far = (point.x - x) ** 2 + (point.y - y) ** 2;
        if (far < least) [found, least] = [point, far];
      }
      return found;
    }

    chosen(trial) {
      const own = trial ? this.points.filter(point => point.trial === trial) : [];
      this.over.replaceChildren(...own.flatMap(point => this.mark(point)));
    }

    mark(point) {
      const left = point.x > this.width - 70;
      return [
        make('circle', {class: 'air-chosen', cx: at(point.x), cy: at(point.y), r: 9}),
        make('text', {
          class: 'air-chosen-name', x: at(point.x + (left ? -13 : 13)), y: at(point.y + 4),
          'text-anchor': left ? 'end' : 'start',
        }, point.trial.id),
      ];
    }
  }

  function progress(slot, study) {
    const {metric, trials} = study;
    const ended = trials.filter(trial => trial.state !== 'running' && trial.ended !== null)
      .sort((a, b) => a.ended - b.ended);
    const known = ended.filter(trial => trial.value !== null);
    const figures = axis(metric, known);
    const last = known.length ? written(metric, study.bestValue ?? known[known.length - 1].value) : 'nothing yet';
    const chart = new Chart(slot, 230, `${metric.title}, best so far: ${last} after ${ended.length} trials.`);
    const left = 58, right = chart.width - 14, top = 12, bottom = chart.height - 34;
    const x = scale(1, Math.max(ended.length, 2), left + 8, right - 8), y = scale(figures.low, figures.high, bottom, top, figures.log);
    chart.levels(figures.ticks(4), y, left, right, value => written(metric, value));
    const better = metric.mode === 'min' ? (a, b) => a < b : (a, b) => a > b;
    const worst = metric.mode === 'min' ? top : bottom;
    // As the study itself counts: who was stopped early is the best only as long as nobody has finished.
    let best = null, line = '', counted = false;
    const points = ended.map((trial, place) => {
      const full = trial.state === 'finished', fits = trial.value !== null && ['finished', 'stopped'].includes(trial.state);
      if (fits && (full || !counted) && (best === null || (full && !counted) || better(trial.value, best))) {
        best = trial.value;
        counted ||= full;
        line += line ? `H${at(x(place + 1))}V${at(y(best))}` : `M${at(x(place + 1))},${at(y(best))}`;
      }
      return {x: x(place + 1), y: trial.value === null ? worst : y(trial.value), trial};
    });
    if (line) chart.add('path', {class: 'air-best-line', d: `${line}H${at(right)}`});
    chart.marks(points, ended.length > 150 ? 2.4 : 3.4, study.best);
    chart.text(x(1), chart.height - 14, '1');
    if (ended.length > 1) chart.text(x(ended.length), chart.height - 14, String(ended.length));
    chart.text((left + right) / 2, chart.height - 14, 'trials that have ended');
    chart.finish();
    return chart;
  }

  function place(parameter, from, to) {
    if (parameter.type !== 'choice') return scale(parameter.low, parameter.high, from, to, parameter.type === 'log');
    const steps = parameter.values.length;
    return value => from + (steps < 2 ? 0.5 : parameter.values.indexOf(value) / (steps - 1)) * (to - from);
  }

  function marksOf(parameter) {
    if (parameter.type === 'choice') return parameter.values;
    if (parameter.type === 'log' && parameter.low > 0) return logTicks(parameter.low, parameter.high);
    const found = ticks(parameter.low, parameter.high, 4);
    return parameter.type === 'int' ? found.filter(Number.isInteger) : found;
  }

  function scatter(slot, study, index) {
    const {metric} = study, parameter = study.params[index];
    const known = study.trials.filter(trial => trial.value !== null && trial.params[index] !== null);
    const figures = axis(metric, known);
    const chart = new Chart(
      slot, 190, `${metric.title} against ${parameter.title}, ${known.length} trials; the table has the same figures.`
    );
    const left = 54, right = chart.width - 10, top = 10, bottom = chart.height - 24;
    const x = place(parameter, left + 8, right - 8), y = scale(figures.low, figures.high, bottom, top, figures.log);
    chart.levels(figures.ticks(3), y, left, right, value => written(metric, value));
    for (const value of marksOf(parameter)) chart.text(x(value), chart.height - 6, short(value));
    const points = known.map(trial => ({
      x: x(trial.params[index]), y: y(trial.value), trial, words: `${parameter.title} ${short(trial.params[index])}`,
    }));
    chart.marks(points, known.length > 150 ? 2 : 3.2, study.best);
    chart.finish();
    return chart;
  }

  function wrapped(text, most) {
    return text.split(' ').reduce((lines, word) => {
      const last = lines[lines.length - 1];
      if (last && last.length + word.length < most) lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
      return lines;
    }, []);
  }

  function parallel(slot, study, order) {
    const {metric} = study;
    const known = study.trials.filter(trial => trial.value !== null && order.every(i => trial.params[i] !== null));
    const axes = order.length + 1, {low, high, log} = axis(metric, known), least = 84;
    const chart = new Chart(
      slot, 340, `One line a trial through ${order.map(i => study.params[i].title).join(', ')} to ${metric.title}.`,
      axes * least
    );
    const top = 66, bottom = chart.height - 26, side = 52;
    const x = place => side + place / (axes - 1) * (chart.width - 2 * side);
    const up = metric.mode === 'min' ? scale(low, high, top, bottom, log) : scale(low, high, bottom, top);
    const places = [...order.map(i => place(study.params[i], bottom, top)), up];
    const lineOf = trial => [...order.map(i => trial.params[i]), trial.value].map((value, n) => places[n](value));
    const lines = known.map(trial => ({trial, ys: lineOf(trial)}));
    const path = line => 'M' + line.ys.map((value, n) => `${at(x(n))},${at(value)}`).join('L');
    const sign = metric.mode === 'min' ? 1 : -1;
    const ranked = [...lines].sort((a, b) => sign * (a.trial.value - b.trial.value));
    const top10 = new Set(ranked.slice(0, Math.max(1, Math.round(lines.length / 10))));
    const faint = lines.length > 100 ? ' air-faint' : '';
    chart.add('path', {class: `air-line-rest${faint}`, d: lines.filter(line => !top10.has(line)).map(path).join('')});
    chart.add('path', {class: 'air-line-top', d: [...top10].map(path).join('')});
    for (let n = 0; n < axes; n++) {
      const parameter = n < order.length ? study.params[order[n]] : null;
      chart.add('line', {class: 'air-axis', x1: at(x(n)), x2: at(x(n)), y1: top, y2: bottom});
      const name = wrapped(parameter ? parameter.title : metric.title, 14).slice(0, 3);
      name.forEach((line, row) => chart.text(x(n), top - 22 - 13 * (name.length - 1 - row), line)
        .setAttribute('class', 'air-axis-name'));
      const ends = parameter === null ? (metric.mode === 'min' ? [high, low] : [low, high])
        : parameter.type === 'choice' ? [parameter.values[0], parameter.values[parameter.values.length - 1]]
        : [parameter.low, parameter.high];
      const words = value => parameter === null ? written(metric, value) : short(value);
      chart.text(x(n), bottom + 18, words(ends[0]));
      chart.text(x(n), top - 7, words(ends[1]));
    }
    chart.near = (px, py) => {
      const left = Math.min(axes - 2, Math.max(0, Math.floor((px - side) / (chart.width - 2 * side) * (axes - 1))));
      const part = (px - x(left)) / (x(left + 1) - x(left));
      let found = null, least = NEAR;
      for (const line of lines) {
        const far = Math.abs(line.ys[left] + part * (line.ys[left + 1] - line.ys[left]) - py);
        if (far < least) [found, least] = [line, far];
      }
      return found && {x: px, y: py, trial: found.trial};
    };
    chart.chosen = trial => {
      const line = lines.find(each => each.trial === trial);
      chart.over.replaceChildren(...(line ? [
        make('path', {class: 'air-chosen-line', d: path(line)}),
        ...line.ys.map((value, n) => make('path', {class: 'air-chosen-dot', d: shapes.dot(x(n), value, 4)})),
        make('text', {class: 'air-chosen-name', x: at(x(axes - 1) + 8), y: at(line.ys[axes - 1] + 4)}, trial.id),
      ] : []));
    };
    chart.finish();
    return chart;
  }

  function curves(slot, study) {
    const {metric} = study;
    const known = study.trials.filter(trial => trial.curve.length);
    const all = known.flatMap(trial => trial.curve.map(point => point[1]));
    const log = !metric.share && all.length > 0 && all.every(value => value > 0);
    const spread = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
    const spare = (spread[1] - spread[0]) * 0.05 || 0.1;
    const low = log ? spread[0] * 0.95 : Math.max(0, spread[0] - spare), high = log ? spread[1] * 1.05 : spread[1] + spare;
    const end = Math.max(2, ...known.map(trial => trial.curve[trial.curve.length - 1][0]));
    const chart = new Chart(slot, 260, `${metric.title} by ${study.step}, one line for each of ${known.length} trials.`);
    const left = 58, right = chart.width - 14, top = 12, bottom = chart.height - 34;
    const x = scale(0, end, left, right), y = scale(low, high, bottom, top, log);
    chart.levels(log ? logTicks(low, high) : ticks(low, high, 4), y, left, right, value => written(metric, value));
    for (const value of ticks(0, end, 4).filter(Number.isInteger)) chart.text(x(value), chart.height - 16, short(value));
    chart.text((left + right) / 2, chart.height - 2, `${study.step}s`);
    const path = trial => 'M' + trial.curve.map(point => `${at(x(point[0]))},${at(y(point[1]))}`).join('L');
    const faint = known.length > 100 ? ' air-faint' : '';
    chart.add('path', {class: `air-line-rest${faint}`, d: known.map(path).join('')});
    const last = trial => trial.curve[trial.curve.length - 1];
    const ends = known.map(trial => ({x: x(last(trial)[0]), y: y(last(trial)[1]), trial}));
    chart.marks(ends, known.length > 150 ? 1.8 : 3, study.best);
    const best = known.find(trial => trial.id === study.best);
    if (best) chart.add('path', {class: 'air-line-top', d: path(best)});
    chart.points.push(...known.flatMap(trial => trial.curve.map(point => ({
      x: x(point[0]), y: y(point[1]), trial, words: `${study.step} ${point[0]}: ${written(metric, point[1])}`,
    }))));
    chart.chosen = trial => {
      const shown = known.includes(trial) ? trial : null;
      chart.over.replaceChildren(...(shown ? [
        make('path', {class: 'air-chosen-line', d: path(shown)}),
        ...chart.mark({x: x(last(shown)[0]), y: y(last(shown)[1]), trial: shown}),
      ] : []));
    };
    chart.finish();
    return chart;
  }

  return {progress, scatter, parallel, curves, written, short, make, shapes, MARKS};
})();
