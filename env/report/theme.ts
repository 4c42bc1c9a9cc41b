/** The colours of reports, by the CSS variable that charts and pages name them with. */

/** Legible on white; the policies' are after Okabe and Ito, for colour-blind readers. */
export const lightColors: Readonly<Record<string, string>> = {
  '--ink': '#1b1f24',
  '--muted': '#59636e',
  '--rule': '#e3e7ec',
  '--surface': '#fff',
  '--raised': '#f6f8fa',
  '--accent': '#0b5cad',
  '--violation': '#d55e00',
  '--policy-1': '#0072b2',
  '--policy-2': '#009e73',
  '--policy-3': '#b0578d',
  '--policy-4': '#b87800',
  '--policy-5': '#3c9bd0',
  '--policy-6': '#6a4fa3',
  '--policy-7': '#5b6570',
};

export const darkColors: Readonly<Record<string, string>> = {
  '--ink': '#e6e9ed',
  '--muted': '#9aa4b0',
  '--rule': '#2f363e',
  '--surface': '#14181d',
  '--raised': '#1d232a',
  '--accent': '#6cb6ff',
  '--violation': '#ff8a3d',
  '--policy-1': '#4ea8de',
  '--policy-2': '#2cc79a',
  '--policy-3': '#de8fbd',
  '--policy-4': '#e6a92e',
  '--policy-5': '#8fd0f5',
  '--policy-6': '#a991e0',
  '--policy-7': '#aab4bf',
};

/** Declarations for a style sheet: `--ink:#1b1f24;--muted:…`. */
export function colorDeclarations(colors: Readonly<Record<string, string>>): string {
  return Object.entries(colors)
    .map(([variable, color]) => `${variable}:${color}`)
    .join(';');
}
