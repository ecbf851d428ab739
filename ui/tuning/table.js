// The trials of a study as a table that can be sorted, and one trial in words.
// Put into the page's head by ui/look/head.py; ui/tuning/study.js calls it. A row that is as before is left alone.
window.airTable = (() => {
  let sorted = {key: 'value', down: false}, rows = new Map(), of = null;
  const span = seconds => (seconds === null ? '' : seconds < 90 ? `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
    : `${Math.round(seconds / 60)} min`);

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function columns(study) {
    const figure = value => (value === null ? '' : airCharts.written(study.metric, value));
    return [
      {key: 'id', title: 'Trial', of: trial => trial.id, words: trial => trial.id},
      {key: 'value', title: study.metric.title, of: trial => trial.value, words: trial => figure(trial.value)},
      {key: 'state', title: 'State', of: trial => trial.words, words: trial => trial.words},
      ...(study.trials.some(trial => trial.learner) ? [{
        key: 'learner', title: 'Learner', of: trial => trial.learner || '', words: trial => trial.learner || '',
      }] : []),
      ...study.order.map(index => ({
        key: `param ${index}`, title: study.params[index].title, of: trial => trial.params[index],
        words: trial => (trial.params[index] === null ? '' : airCharts.short(trial.params[index])),
      })),
      {key: 'duration', title: 'Time', of: trial => trial.duration, words: trial => span(trial.duration)},
      {key: 'because', title: 'Why it ended', of: trial => trial.because || '', words: trial => trial.because || ''},
    ];
  }

  function compare(column, study) {
    const turn = (column.key === 'value' && study.metric.mode === 'max' ? -1 : 1) * (sorted.down ? -1 : 1);
    return (one, other) => {
      const [a, b] = [column.of(one), column.of(other)];
      if (a === b) return one.id.localeCompare(other.id, undefined, {numeric: true});
      if (a === null || a === '') return 1;
      if (b === null || b === '') return -1;
      return turn * (typeof a === 'number' ? a - b : a.localeCompare(b, undefined, {numeric: true}));
    };
  }

  function symbol(state, best) {
    const {make: draw, shapes, MARKS} = airCharts, kind = best ? 'star' : MARKS[state] || 'ring';
    const svg = draw('svg', {viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true', class: 'air-symbol'});
    svg.append(draw('path', {class: `air-mark-${kind}`, d: shapes[kind](8, 8, best ? 7 : 4)}));
    return svg;
  }

  function draw(slot, study, chosen, choose) {
    const all = columns(study), shape = [study.id, ...all.map(column => column.title)].join('|');
    if (of !== shape) {
      if (!of?.startsWith(`${study.id}|`)) sorted = {key: 'value', down: false};
      of = shape;
      rows = new Map();
      slot.replaceChildren(make('table', {class: 'air-table air-trials'}, make('thead', {}, make('tr')), make('tbody')));
      slot.querySelector('tr').append(...all.map(column => head(column, slot)));
      slot.onclick = event => {
        const row = event.target.closest('tbody tr');
        if (row) choose(row.dataset.trial);
      };
    }
    slot.airSort = () => {
      const column = all.find(each => each.key === sorted.key) || all[0];
      const body = slot.querySelector('tbody'), order = [...study.trials].sort(compare(column, study));
      order.forEach((trial, place) => {
        const row = rowOf(trial, all, study);
        if (body.children[place] !== row) body.insertBefore(row, body.children[place] || null);
      });
      for (const cell of slot.querySelectorAll('thead th')) {
        cell.removeAttribute('aria-sort');
        const down = sorted.down !== (column.key === 'value' && study.metric.mode === 'max');
        if (cell.dataset.key === column.key) cell.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      }
    };
    slot.airSort();
  }

  function head(column, slot) {
    const button = make('button', {type: 'button'}, column.title);
    button.addEventListener('click', () => {
      sorted = {key: column.key, down: sorted.key === column.key && !sorted.down};
      slot.airSort();
    });
    return make('th', {scope: 'col', 'data-key': column.key}, button);
  }

  function rowOf(trial, all, study) {
    const best = trial.id === study.best, words = all.map(column => column.words(trial)), print = [best, ...words].join('|');
    const known = rows.get(trial.id);
    if (known?.print === print) return known.row;
    const row = known?.row || make('tr', {'data-trial': trial.id}, make('th', {scope: 'row'}, make('button', {type: 'button'}, trial.id)));
    const cells = words.slice(1).map(text => make('td', {}, text));
    cells[1].prepend(symbol(trial.state, best));
    if (best) cells[1].append(', the best');
    row.replaceChildren(row.firstElementChild, ...cells);
    row.firstElementChild.firstElementChild.setAttribute('aria-pressed', 'false');
    rows.set(trial.id, {row, print});
    return row;
  }

  function mark(slot, chosen) {
    for (const {row} of rows.values()) {
      const own = row.dataset.trial === chosen;
      row.classList.toggle('air-picked', own);
      row.firstElementChild.firstElementChild.setAttribute('aria-pressed', String(own));
    }
  }

  function details(slot, study, trial, train) {
    const print = JSON.stringify([study.id, study.best, trial]);
    if (slot.dataset.print === print) return;
    slot.dataset.print = print;
    if (!trial) return slot.replaceChildren(make('p', {class: 'air-quiet'}, 'No trial has a figure yet.'));
    const figure = trial.value === null ? 'no figure' : airCharts.written(study.metric, trial.value);
    const title = make('h3', {}, `Trial ${trial.id}${trial.id === study.best ? ', the best' : ''}`);
    const state = make('p', {class: 'air-quiet'}, symbol(trial.state, trial.id === study.best));
    state.append(`${trial.words}${trial.duration === null ? '' : `, took ${span(trial.duration)}`}${trial.because ? `: ${trial.because}` : ''}`);
    const learner = trial.learner ? [make('dt', {}, 'Learner'), make('dd', {}, trial.learner)] : [];
    const list = make('dl', {class: 'air-params'}, ...learner, ...study.order.filter(of => trial.params[of] !== null || !trial.learner).flatMap(index => [
      make('dt', {}, study.params[index].title, make('small', {}, study.params[index].name)),
      make('dd', {}, trial.params[index] === null ? '' : airCharts.short(trial.params[index])),
    ]));
    const verdict = make('p', {class: 'air-figure'}, make('strong', {}, figure), ` ${study.metric.title.toLowerCase()}`);
    const parts = [title, verdict, state, list];
    if (trial.value !== null) {
      const button = make('button', {type: 'button', class: 'air-train-these'}, `Train with these (trial ${trial.id})`);
      button.addEventListener('click', train);
      parts.push(button);
    }
    slot.replaceChildren(...parts);
  }

  return {draw, mark, details};
})();
