import { randomHex } from '../std/index.ts';

const QUALITIES =
  'amber brisk calm candid clever coral crisp daring deft eager early fabled fair fleet gentle gilded glad golden hardy hazel honest humble jolly keen kindly lively lucid lunar mellow merry mild misty modest nimble noble patient placid polite proud quick quiet ready rustic serene silent silver sincere sleek smooth snowy solar steady sunny swift tidy tranquil trusty upbeat velvet vivid warm wise witty young zesty'.split(
    ' ',
  );

/** Builders, printers, weavers, surveyors: people who put layers upon layers. */
const PEOPLE =
  'alberti anning bodoni bramante brunel caxton cuvier dalton didot dufour eiffel ferdowsi fuller gaudi geddes gutenberg hadid hutton imhotep jacquard jones kahn kalam khayyam labrouste latrobe lyell manutius maury mercator mimar minard morris nervi niemeyer olmsted otto palladio paxton perret piranesi playfair ptolemy roebling rubens ruskin saarinen senefelder sinan smith soane steno sullivan sutherland tange telford tharp vauban vesalius vitruvius wegener werner wren wright zumthor'.split(
    ' ',
  );

/** A name for a container that was given none: `steady_palladio`. Later attempts carry a number, as the short ones may all be taken. */
export function generateName(attempt = 0): string {
  const name = `${pick(QUALITIES)}_${pick(PEOPLE)}`;
  return attempt < 5 ? name : `${name}${drawBelow(10 ** Math.min(attempt - 4, 9))}`;
}

function pick(words: readonly string[]): string {
  return words[drawBelow(words.length)] as string;
}

/** A whole number from 0 up to `limit`, nearly evenly: a name, not a secret. */
function drawBelow(limit: number): number {
  return Number.parseInt(randomHex(6), 16) % limit;
}
