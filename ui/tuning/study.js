// Keeps the study that is shown, draws it, and lets one trial be chosen in the table and in every chart.
// Put into the page's head by ui/look/head.py; ui/tuning/screen.py says what there is to draw. A running study is
// not sent anew: only its trials that have changed come, numbered, and all of them are requested if one
// message was lost. Nothing here is HTML from outside: every text is set as text.
window.airStudy = (() => {
  let study = null, chosen = null, width = 0, trigger = () => {}, charts = [], planned = false;
  const slot = name => document.querySelector(`[data-air-slot="${name}"]`);
  const number = value => (typeof value === 'number' && Number.isFinite(value) ? value : null);

  function trialOf([id, state, because, duration, ended, params, curve, learner]) {
    const value = curve.length ? curve[curve.length - 1][1] : null;
    return {id, state, because, duration, ended, params: params.map(number), curve, learner, value, words: study.states[state] || state};
  }

  function take(message) {
    if (!message) return;
    if (message.base === 0) {
      const same = study?.id === message.id;
      study = {...message, byId: new Map()};
      if (!same) chosen = null;
    } else if (study?.id !== message.id || study.number !== message.base) {
      return trigger('input', {again: message.number});
    }
    for (const row of message.trials) study.byId.set(row[0], trialOf(row));
    Object.assign(study, {...message, trials: [...study.byId.values()]});
    plan();
  }

  // Many messages, one drawing: it happens when the screen is in sight and the browser has time.
  function plan() {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => {
      planned = false;
      draw();
    });
  }

  function best() {
    return study.byId.get(study.best) || null;
  }

  function shown() {
    return study.byId.get(chosen) || best();
  }

  function draw() {
    for (const box of document.querySelectorAll('.air-of-study')) box.hidden = !study || !study.trials.length;
    // No line leads through the parameters of several learners.
    slot('parallel').closest('section').hidden ||= study?.trials.some(trial => trial.learner);
    width = slot('curves')?.clientWidth;
    if (!study || !study.trials.length || !width) return;
    for (const [name, text] of Object.entries(study.reading)) {
      for (const place of document.querySelectorAll(`[data-air-reading="${name}"]`)) {
        if (place.textContent !== text) place.textContent = text;
      }
    }
    study.bestValue = best()?.value ?? null;
    tip(null);
    charts = [
      airCharts.progress(slot('progress'), study),
      ...scatters(),
      airCharts.parallel(slot('parallel'), study, study.order),
      airCharts.curves(slot('curves'), study),
    ];
    charts.forEach(listen);
    airTable.draw(slot('table'), study, shown()?.id, choose);
    mark();
  }

  function scatters() {
    const list = slot('scatters');
    while (list.children.length > study.order.length) list.lastElementChild.remove();
    return study.order.map((index, place) => {
      if (!list.children[place]) {
        const figure = document.createElement('figure');
        figure.append(document.createElement('figcaption'), document.createElement('div'));
        list.append(figure);
      }
      const [caption, area] = list.children[place].children, parameter = study.params[index];
      const small = document.createElement('small');
      small.textContent = parameter.meaning;
      caption.replaceChildren(parameter.title, small);
      return airCharts.scatter(area, study, index);
    });
  }

  function mark() {
    const trial = shown();
    charts.forEach(chart => chart.chosen(trial));
    airTable.mark(slot('table'), trial?.id);
    airTable.details(slot('details'), study, trial, () => trigger('select', {train: trial.id}));
  }

  function choose(id) {
    chosen = id;
    mark();
  }

  function listen(chart) {
    const find = event => {
      const box = chart.svg.getBoundingClientRect();
      return chart.near(event.clientX - box.left, event.clientY - box.top);
    };
    chart.svg.addEventListener('pointermove', event => tip(find(event), event, chart));
    chart.svg.addEventListener('pointerleave', () => tip(null));
    chart.svg.addEventListener('click', event => {
      const found = find(event);
      if (found) choose(found.trial.id);
      tip(found, event, chart);
    });
  }

  function tip(found, event, chart) {
    let box = document.getElementById('air-tip');
    if (chart) chart.svg.style.cursor = found ? 'pointer' : '';
    if (!found) return box?.remove();
    if (!box) {
      box = document.createElement('div');
      box.id = 'air-tip';
      box.setAttribute('aria-hidden', 'true');
      document.querySelector('.gradio-container').append(box);
    }
    const {trial} = found, value = trial.value === null ? 'no figure' : airCharts.written(study.metric, trial.value);
    box.textContent = [`Trial ${trial.id}`, `${study.metric.title} ${value}`, trial.words, found.words].filter(Boolean).join(' · ');
    const left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8);
    box.style.transform = `translate(${Math.max(8, left)}px, ${Math.max(8, event.clientY - box.offsetHeight - 14)}px)`;
  }

  // What is drawn out of sight has no width; it is drawn when it comes into sight, and when the window changes.
  function start(send) {
    trigger = send;
    new ResizeObserver(() => {
      if (study && slot('curves')?.clientWidth !== width) plan();
    }).observe(document.querySelector('.gradio-container'));
  }

  return {take, start};
})();
