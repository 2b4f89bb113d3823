using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Stele.Http;

/// <summary>
/// A web server inside a larger program. Left alone it would take the process's signals for itself, and one that came
/// before the program listened to them would end the web server and nothing else.
/// Invariant: signals are the program's own matter, and it alone stops what it started.
/// </summary>
sealed class Embedded : IHostLifetime
{
    public static void In(IServiceCollection services) => services.Replace(ServiceDescriptor.Singleton<IHostLifetime,
        Embedded>());

    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
