// The page is English. Gradio would put its own words, and the page's language, into what the browser prefers.
// Put into the page's head by ui/look/head.py.
Object.defineProperty(navigator, 'language', {get: () => 'en'});
Object.defineProperty(navigator, 'languages', {get: () => ['en']});
