// What LiteRT.js imports from @litertjs/wasm-utils, for a worker: starts its wasm.
export async function createWasmLib(Library, script) {
  importScripts(script);
  const locateFile = (name) => new URL(name, new URL(script, self.location)).href;
  // Its log comes on stderr line by line, most of it news only for its makers.
  const printErr = (line) => {
    if (/^(INFO|WARNING|VERBOSE)/.test(line)) console.debug(line);
    else console.error(line);
  };
  // Its threads are workers too, and run the same script.
  const options = { locateFile, printErr, mainScriptUrlOrBlob: script };
  return new Library(await self.ModuleFactory(options));
}
