using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DynamicFs.Interop;

/// <summary>
/// Finds the native libraries that may not be installed system-wide, so that the build tree, an installed copy and a distribution's package all work:
/// <c>DYNFS_NATIVE_DIR</c>, the program's folder, <c>artifacts/native</c> in any folder above it, then the system's search path.
/// Names it does not know (libc) go the runtime's usual way.
/// </summary>
internal static class NativeLibraries
{
    public const string Blake3 = "libblake3";

    public const string DirectoryVariable = "DYNFS_NATIVE_DIR";

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "The resolver must be there before the first native call of any type in this assembly.")]
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, Resolve);

    /// <summary>The places where <paramref name="fileName"/> is looked for, in order; bare names mean the system's search path.</summary>
    internal static IEnumerable<string> Candidates(string fileName, string? nativeDirectory, string programDirectory)
    {
        if (!string.IsNullOrEmpty(nativeDirectory))
            yield return Path.Combine(nativeDirectory, fileName);
        yield return Path.Combine(programDirectory, fileName);
        for (DirectoryInfo? folder = new(programDirectory); folder is not null; folder = folder.Parent)
            yield return Path.Combine(folder.FullName, "artifacts", "native", fileName);
        yield return fileName;
        yield return fileName + ".0";
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != Blake3)
            return 0;

        foreach (string candidate in Candidates(name + ".so", Environment.GetEnvironmentVariable(DirectoryVariable), AppContext.BaseDirectory))
        {
            if ((!Path.IsPathRooted(candidate) || File.Exists(candidate)) && NativeLibrary.TryLoad(candidate, out nint handle))
                return handle;
        }

        throw new DllNotFoundException(
            $"{name}.so is neither in ${DirectoryVariable}, {AppContext.BaseDirectory}, artifacts/native nor on the system: run tools/setup");
    }
}
