using Stele.Cli;

#pragma warning disable RS0030 // the one clock of the program; everything below is handed it
var clock = TimeProvider.System;
#pragma warning restore RS0030

return await Verbs.Run(args, Stage.OfProcess(clock));
