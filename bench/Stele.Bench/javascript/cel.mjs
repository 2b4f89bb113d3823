// Evaluates a compiled expression again and again. A line in: {"engine", "source", "types", "input", "ms"}; a line out: {"ns", "value"}.
// Sixteen inputs that are alike take turns, so that no engine's compiler can find out that the answer never changes.
import {createInterface} from 'node:readline'
import {Environment} from '@marcbachmann/cel-js'
import {celEnv, parse, plan} from '@bufbuild/cel'

const compilers = {
  'cel-js'(source, types) {
    const env = new Environment()
    for (const [name, type] of Object.entries(types)) env.registerVariable(name, type)
    return env.parse(source)
  },
  bufbuild: source => plan(celEnv(), parse(source))
}

// Whole numbers are CEL's ints to both engines as BigInt.
const values = json => JSON.parse(json, (_, v) => (Number.isInteger(v) ? BigInt(v) : v))

for await (const line of createInterface({input: process.stdin})) {
  const {engine, source, types, input, ms} = JSON.parse(line)
  const evaluate = compilers[engine](source, types)
  const inputs = Array.from({length: 16}, () => values(JSON.stringify(input)))
  let n = 0
  let elapsed
  const began = process.hrtime.bigint()
  do {
    for (let i = 0; i < 512; i++) evaluate(inputs[i & 15])
    n += 512
    elapsed = Number(process.hrtime.bigint() - began)
  } while (elapsed < ms * 1e6)
  console.log(JSON.stringify({ns: elapsed / n, value: evaluate(inputs[0])}))
}
