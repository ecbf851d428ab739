// A picture without an extension is taken: Gradio goes by the type that a browser guesses from a file's name.
// Put into the page's head by ui/look/head.py.
(() => {
  const KINDS = [['image/png', /^\x89PNG/], ['image/jpeg', /^\xff\xd8\xff/], ['image/gif', /^GIF8/],
    ['image/webp', /^RIFF[^]{4}WEBP/], ['image/bmp', /^BM/]];

  async function typed(file) {
    if (file.type) return file;
    const start = String.fromCharCode(...new Uint8Array(await file.slice(0, 16).arrayBuffer()));
    const kind = KINDS.find(([, begins]) => begins.test(start));
    return kind ? new File([file], file.name, {type: kind[0]}) : file;
  }

  // Holds an event back until its files have a type, then sends it again.
  async function again(event, files, send) {
    if (![...files].some(file => !file.type) || event.airTyped) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    const given = new DataTransfer();
    for (const file of await Promise.all([...files].map(typed))) given.items.add(file);
    const copy = send(given);
    copy.airTyped = true;
    event.target.dispatchEvent(copy);
  }

  addEventListener('change', event => {
    if (event.target.type === 'file' && event.target.accept?.includes('image')) {
      again(event, event.target.files, given => {
        event.target.files = given.files;
        return new Event('change', {bubbles: true});
      });
    }
  }, true);
  addEventListener('drop', event => {
    if (event.dataTransfer?.files.length) {
      again(event, event.dataTransfer.files, given => new DragEvent('drop', {bubbles: true, dataTransfer: given}));
    }
  }, true);
})();
