type Cleaner = () => void;

const cleaners = new Set<Cleaner>();

/**
 * What is to be done when this process ends before it got to it, as by Ctrl-C.
 *
 * @returns to be called when it was done
 */
export function atExit(cleaner: Cleaner): () => void {
  if (cleaners.size === 0) process.on('exit', cleanAll);
  cleaners.add(cleaner);
  return () => {
    cleaners.delete(cleaner);
    if (cleaners.size === 0) process.off('exit', cleanAll);
  };
}

/** Last things first; one that fails keeps no other from being done. */
function cleanAll(): void {
  for (const cleaner of [...cleaners].reverse()) {
    try {
      cleaner();
    } catch (error) {
      console.error(`could not clean up: ${error}`);
    }
  }
}
