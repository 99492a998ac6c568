'use strict';
(() => {
  const report = JSON.parse(document.getElementById('data').textContent);
  const at = id => document.getElementById(id);
  // All text goes onto the page as text: nothing that a host says is ever parsed.
  const element = (name, text, style) => {
    const e = document.createElement(name);
    if (text !== undefined) e.textContent = text;
    if (style) e.className = style;
    return e;
  };
  const option = text => { const o = element('option', text); o.value = text; return o; };
  const severities = new Set(['error', 'warning', 'info']);
  const style = s => severities.has(s) ? s : '';

  // On paper there are no pages to turn and nothing to open: what the filter leaves is printed, up
  // to a bound.
  const printed = 500, redraw = [];
  let printing = false;
  const print = on => {
    printing = on;
    for (const draw of redraw) draw();
    if (on) for (const d of document.querySelectorAll('details')) { d.open = true; if (d.fill) d.fill(); }
  };
  window.addEventListener('beforeprint', () => print(true));
  window.addEventListener('afterprint', () => print(false));

  // pager shows a part of a list at a time.
  const pager = (size, back, next, label, show) => {
    let list = [], page = 0;
    const draw = () => {
      if (printing) {
        show(list.slice(0, printed));
        at(label).textContent = list.length > printed ? 'the first ' + printed + ' of ' + list.length : '';
        return;
      }
      const pages = Math.max(1, Math.ceil(list.length / size));
      page = Math.min(Math.max(page, 0), pages - 1);
      show(list.slice(page * size, (page + 1) * size));
      at(label).textContent = 'page ' + (page + 1) + ' of ' + pages;
      at(back).disabled = page === 0;
      at(next).disabled = page === pages - 1;
    };
    at(back).addEventListener('click', () => { page--; draw(); });
    at(next).addEventListener('click', () => { page++; draw(); });
    redraw.push(draw);
    return l => { list = l; page = 0; draw(); };
  };

  const row = cells => {
    const tr = element('tr');
    for (const c of cells) {
      const td = element('td');
      td.append(c instanceof Node ? c : String(c));
      tr.append(td);
    }
    return tr;
  };
  // hostLink shows a host's findings.
  const hostLink = name => {
    const b = element('button', name, 'link');
    b.type = 'button';
    b.addEventListener('click', () => { clear(); at('host').value = name; filter(); at('findings').focus(); });
    return b;
  };
  pager(25, 'hosts-back', 'hosts-next', 'hosts-page', part => at('hosts').replaceChildren(...part.map(h =>
    row([hostLink(h.name), h.group, h.status + (h.reason ? ': ' + h.reason : ''), h.summary.error, h.summary.warning, h.summary.info]))))(report.hosts);

  const item = f => {
    const li = element('li');
    const head = element('p');
    head.append(element('b', f.severity + '[' + f.rule + ']', style(f.severity)), ' ' + f.message);
    li.append(head);
    if (f.file) li.append(element('p', f.file + ':' + f.line, 'soft'));
    const few = 5;
    if (f.hosts.length <= few) {
      li.append(element('p', 'on ' + f.hosts.join(', ')));
    } else {
      const hosts = element('details');
      hosts.append(element('summary', 'on ' + f.hosts.length + ' hosts: ' + f.hosts.slice(0, few).join(', ') + ', ...'));
      hosts.fill = () => { if (hosts.childElementCount === 1) hosts.append(element('p', f.hosts.join(', '))); };
      hosts.addEventListener('toggle', hosts.fill);
      li.append(hosts);
    }
    if (f.frame) {
      const pre = element('pre');
      for (const l of f.frame) pre.append(element('span', String(l.number).padStart(5) + ' | ' + l.text + '\n', l.number === f.line ? 'fault' : ''));
      li.append(pre);
    }
    if (f.help) li.append(element('p', f.help));
    if (f.diff) {
      const fix = element('details'), pre = element('pre');
      fix.append(element('summary', 'fix'), pre);
      for (const l of f.diff.split('\n')) pre.append(element('span', l + '\n', l[0] === '+' ? 'added' : l[0] === '-' ? 'gone' : ''));
      li.append(fix);
    }
    return li;
  };
  const show = pager(25, 'back', 'next', 'page', part => at('list').replaceChildren(...part.map(item)));
  const searchable = report.findings.map(f => [f.rule, f.message, f.file, f.help || ''].join('\n').toLowerCase());
  const fields = ['host', 'rule', 'severity', 'text'];
  const names = new Set(report.hosts.map(h => h.name.toLowerCase()));
  const clear = () => { for (const id of fields) at(id).value = ''; };
  const filter = () => {
    const host = at('host').value.trim().toLowerCase(), rule = at('rule').value, severity = at('severity').value, text = at('text').value.trim().toLowerCase();
    const found = report.findings.filter((f, i) => (!rule || f.rule === rule) && (!severity || f.severity === severity) &&
      (!text || searchable[i].includes(text)) && (!host || f.hosts.some(h => names.has(host) ? h.toLowerCase() === host : h.toLowerCase().includes(host))));
    at('filter').textContent = fields.filter(id => at(id).value).map(id => id + ': ' + at(id).value).join(', ');
    at('count').textContent = found.length + ' of ' + report.findings.length + ' findings';
    show(found);
  };
  for (const r of [...new Set(report.findings.map(f => f.rule))].sort()) at('rule').append(option(r));
  for (const h of report.hosts) at('host-names').append(option(h.name));
  for (const id of fields) at(id).addEventListener('input', filter);
  at('clear').addEventListener('click', () => { clear(); filter(); at('host').focus(); });
  filter();

  at('outliers').hidden = report.outliers.length === 0;
  at('outlier-rows').append(...report.outliers.map(o => row([o.group, o.setting, o.majority || 'nothing', Math.round(o.share * 100) + ' %',
    o.hosts.map(h => h.name + ': ' + (h.value || 'nothing')).join(', ')])));
  if (report.drift) {
    at('drift').hidden = false;
    at('drift-since').textContent = 'Since ' + report.drift.since + ': ' + report.drift.new.length + ' new, ' + report.drift.gone.length + ' gone, ' + report.drift.unchanged + ' unchanged.';
    const line = f => element('li', f.severity + '[' + f.rule + '] ' + f.file + ':' + f.line + ': ' + f.message + ' (' + f.hosts.join(', ') + ')');
    for (const [id, list] of [['drift-new', report.drift.new], ['drift-gone', report.drift.gone]]) {
      at(id).append(...list.slice(0, printed).map(line));
      if (list.length === 0) at(id).append(element('li', 'none'));
      if (list.length > printed) at(id).append(element('li', 'and ' + (list.length - printed) + ' more, which the other formats have'));
    }
  }
})();
